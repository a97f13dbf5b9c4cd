// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

internal sealed partial class RecordStore
{
    /// <summary>
    /// Called by lookups between reading an index and pinning its record, to make a race wide. Null outside tests.
    /// </summary>
    internal Action? TestHookBeforePin { get; set; }
}
