// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Verdicts;

/// <summary>
/// One block that is not reachable, as the child writes it into shared pages and the parent reads it. 104 bytes.
/// Addresses in it never enter managed memory uncomplemented: a report must not keep a leak alive for the next scan.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal unsafe struct LostBlock
{
    /// <summary>Size of an entry in bytes.</summary>
    public const int ByteCount = 104;

    /// <summary>Bytes of content kept as a sample.</summary>
    public const int SampleByteCount = 30;

    /// <summary>Start of the block.</summary>
    [FieldOffset(0)] public nuint Address;

    /// <summary>Bytes asked for.</summary>
    [FieldOffset(8)] public nuint BlockByteCount;

    /// <summary>Order of allocation: birth tick · 2¹⁹ + sequence in that tick.</summary>
    [FieldOffset(16)] public ulong Ordinal;

    /// <summary>Allocation site.</summary>
    [FieldOffset(24)] public uint Site;

    /// <summary>Number of the allocating thread.</summary>
    [FieldOffset(28)] public ushort ThreadNumber;

    /// <summary>The verdict.</summary>
    [FieldOffset(30)] public Verdict Verdict;

    /// <summary>The API (a <see cref="NativeHeap.Records.AllocationApi"/>).</summary>
    [FieldOffset(31)] public byte Api;

    /// <summary>For a definite leak: blocks that hang from it.</summary>
    [FieldOffset(32)] public uint IndirectBlocks;

    /// <summary>For an indirect leak: index of its leader's entry; else its own index.</summary>
    [FieldOffset(36)] public uint Leader;

    /// <summary>For a definite leak: bytes that hang from it.</summary>
    [FieldOffset(40)] public nuint IndirectBytes;

    /// <summary>For a possible leak: an address that holds an interior pointer to it, 0 when not known.</summary>
    [FieldOffset(48)] public nuint HolderAddress;

    /// <summary>For a possible leak: the value found there (start + offset).</summary>
    [FieldOffset(56)] public nuint HolderValue;

    /// <summary>The first bytes of its content; <see cref="SampleCount"/> of them are valid.</summary>
    [FieldOffset(64)] public fixed byte Sample[30];

    /// <summary>Valid bytes in <see cref="Sample"/> (0 … 30).</summary>
    [FieldOffset(94)] public byte SampleCount;

    /// <summary>Birth, in ticks of 16 ms.</summary>
    public readonly uint BirthTick => (uint)(Ordinal >> NativeHeap.Records.PackedRecord.SequenceBits);

    /// <summary>The block's <see cref="NativeHeap.Records.BlockFlags"/>.</summary>
    [FieldOffset(95)] public byte Flags;

    /// <summary>Changes with the block's content (<see cref="ContentChecksum"/>); 0 when the scan was not asked for it.</summary>
    [FieldOffset(96)] public ulong Checksum;
}
