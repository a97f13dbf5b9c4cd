// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Misuse;

namespace NativeLeak.Reporting;

/// <summary>A mistake as the recorder found it, with the frames of its sites but without lines.</summary>
/// <param name="Entry">The numbers.</param>
/// <param name="Stack">Where it was freed now, innermost first.</param>
/// <param name="AllocationStack">Where the block was allocated.</param>
/// <param name="FirstFreeStack">Where it was freed first.</param>
internal sealed record FoundMisuse(
    MisuseEntry Entry,
    IReadOnlyList<CallFrame> Stack,
    IReadOnlyList<CallFrame> AllocationStack,
    IReadOnlyList<CallFrame> FirstFreeStack);
