// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>What all readers and writers of a domain share; three lines of 128 bytes in front of the slots.</summary>
/// <remarks>
/// <code>
///   0 epoch            written once per drain, read by every drain and every outermost guard
/// 128 active           announced readers; read by every retirement, written by every outermost guard
/// 256 used slots       260 inspecting   264 inspected at   268 unused
/// 272 dead released    280 revocations  288 unslotted      cold: written when something is wrong
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct EpochHeader
{
    /// <summary>Size in bytes.</summary>
    public const int ByteCount = 384;

    /// <summary>The epoch now.</summary>
    [FieldOffset(0)] public ulong Epoch;

    /// <summary>Readers inside a guard, each thread once.</summary>
    [FieldOffset(128)] public int Active;

    /// <summary>No slot from here on was ever claimed.</summary>
    [FieldOffset(256)] public int UsedSlots;

    /// <summary>1 while a thread looks for dead readers: one at a time, nobody waits.</summary>
    [FieldOffset(260)] public int Inspecting;

    /// <summary>Tick of the last inspection.</summary>
    [FieldOffset(264)] public uint InspectedTick;

    /// <summary>Slots taken back from threads that had ended.</summary>
    [FieldOffset(272)] public long DeadReleased;

    /// <summary>Readers that reclamation stopped waiting for.</summary>
    [FieldOffset(280)] public long Revocations;

    /// <summary>Outermost guards that found no free slot.</summary>
    [FieldOffset(288)] public long Unslotted;
}
