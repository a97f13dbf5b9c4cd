// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>A reader that is inside its guard for long.</summary>
/// <param name="ThreadNumber">Number of its thread; 0 when it has none.</param>
/// <param name="NativeThreadId">Id of its thread.</param>
/// <param name="Held">Since when, as a duration.</param>
/// <param name="IsRevoked">Whether reclamation stopped waiting for it.</param>
internal readonly record struct StalledReader(ushort ThreadNumber, int NativeThreadId, TimeSpan Held, bool IsRevoked)
{
    /// <summary>One sentence for reports: who, for how long, and what that costs.</summary>
    public override string ToString()
    {
        string who = ThreadNumber != 0 ? ThreadNumbers.Describe(ThreadNumber)
            : string.Create(CultureInfo.InvariantCulture, $"the thread with native id {NativeThreadId}");
        string cost = IsRevoked ? "reclamation of records goes on without it" : "freed records wait for it";
        return string.Create(CultureInfo.InvariantCulture,
            $"{who} has been reading the record table for {Held.TotalSeconds:0.0} s; {cost}");
    }
}
