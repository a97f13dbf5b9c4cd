// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Marking;

/// <summary>What two markers share beside the marks. In child memory, zero at first. The groups that different sides write
/// lie on cache lines of their own.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SharedMarking
{
    /// <summary>States of the box.</summary>
    public const int Empty = 0, Full = 1, Busy = 2;

    /// <summary>Most items handed over at once.</summary>
    public const int ItemCapacity = 256;

    /// <summary>Words on their way from the helper to the first marker.</summary>
    public const uint ForwardCapacity = 4096;

    /// <summary>How many of the two have nothing to do; whether the helper shall end.</summary>
    public int Idle, IsEnded;
    private fixed byte _padding0[120];

    /// <summary>State of the box, a futex word, and how many wait for it to be filled.</summary>
    public int Box, Sleepers;

    /// <summary>What is in the box, and the level at which it is to be marked.</summary>
    public int ItemCount;
    public MarkLevel Level;
    private fixed byte _padding1[112];

    /// <summary>Words forwarded (written by the helper), and how many of them were followed (by the first marker).</summary>
    public uint ForwardTail;
    private fixed byte _padding2[124];
    public uint ForwardHead;
    private fixed byte _padding3[124];

    /// <summary>The items: pairs as in <see cref="WorkItem"/>; the words: pairs of a word and its place.</summary>
    public fixed ulong Items[ItemCapacity * 2];
    public fixed ulong ForwardedWords[(int)ForwardCapacity * 2];
}
