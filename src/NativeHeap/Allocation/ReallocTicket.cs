// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// What <see cref="AllocationRecorder.OnReallocating"/> took out, carried across the C heap's realloc.
/// </summary>
internal readonly struct ReallocTicket
{
    /// <summary>The old record; meaningless unless <see cref="HasRecord"/>.</summary>
    public readonly BlockRecord Record;

    /// <summary>Whether the old block had a record.</summary>
    public readonly bool HasRecord;

    internal ReallocTicket(in BlockRecord record)
    {
        Record = record;
        HasRecord = true;
    }
}
