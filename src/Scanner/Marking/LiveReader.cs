// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: fault-safe reads of the living process, as the scan wants them: single words from pages copied a moment ago,
// whole ranges in pieces, stacks and registers as they were when their threads were held.
// Who calls it: Peek, and nobody else.
// The one idea: every byte comes through the kernel or from memory of ours, so nothing another thread does to its memory
// can be a fault here; and every read passes one place, where the scan can pause, or end early.
// Safety: the tables are pages of ours of the sizes below; addresses of the application are numbers here.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>Memory that was copied while its thread was held: read in place of what stands there now.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HeldCopy
{
    public nuint Start, End;

    /// <summary>The copy, in memory of ours.</summary>
    public byte* Bytes;
}

/// <summary>The reader of one scan. In pages of ours; used by one thread.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct LiveReader
{
    /// <summary>Pages kept: 16 MiB. A power of two.</summary>
    public const int PageCapacity = 4096;

    /// <summary>Bytes that may be read before the scan looks up: some milliseconds of work.</summary>
    public const long SliceByteCount = 4 << 20;

    private const nuint PageByteCount = 4096;

    // Smaller reads come from kept pages: most objects and blocks lie beside others.
    private const nint SmallByteCount = 2048;
    private const nint PieceByteCount = 256 << 10;

    public int ProcessId;

    /// <summary>1: nothing is read any more; what the scan finds is thrown away.</summary>
    public int IsAborted;

    /// <summary>Page number + 1 of each kept page; 0 = none.</summary>
    public nuint* Tags;
    public byte* Pages;

    /// <summary>Copies of stacks and registers, apart from each other and sorted.</summary>
    public HeldCopy* Held;
    public int HeldCount;

    public long BytesRead, SliceLeft;

    /// <summary>Called after each slice; null: nothing to do but to look at the clock.</summary>
    public delegate*<LiveReader*, void> Pause;

    /// <summary>When to give up, in nanoseconds of CLOCK_MONOTONIC; 0: never.</summary>
    public long DeadlineNanoseconds;

    /// <summary>Forgets everything that was read before.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Reset(LiveReader* reader)
    {
        for (int i = 0; i < PageCapacity; i++)
        {
            reader->Tags[i] = 0;
        }

        reader->HeldCount = 0;
        reader->IsAborted = 0;
        reader->BytesRead = 0;
        reader->SliceLeft = SliceByteCount;
        reader->DeadlineNanoseconds = 0;
        reader->Pause = null;
    }

    /// <summary>Eight bytes at any address; zero where there is nothing.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint Word(LiveReader* reader, nuint address)
    {
        nuint offset = address & (PageByteCount - 1);
        return offset <= PageByteCount - 8
            ? *(nuint*)(PageOf(reader, address) + offset)
            : Half(reader, address) | ((nuint)Half(reader, address + 4) << 32);
    }

    /// <summary>Four bytes at any address.</summary>
    [MethodImpl(ChildCode.Options)]
    public static uint Half(LiveReader* reader, nuint address)
    {
        nuint offset = address & (PageByteCount - 1);
        if (offset <= PageByteCount - 4)
        {
            return *(uint*)(PageOf(reader, address) + offset);
        }

        uint value = 0;
        for (int i = 0; i < 4; i++)
        {
            value |= (uint)PageOf(reader, address + (nuint)i)[(address + (nuint)i) & (PageByteCount - 1)] << (8 * i);
        }

        return value;
    }

    /// <summary>Copies up to the first byte that cannot be read. Small copies may be some milliseconds old, and show zeros where
    /// nothing can be read.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nint Copy(LiveReader* reader, nuint address, byte* destination, nint byteCount)
    {
        if (byteCount > SmallByteCount)
        {
            return CopyNow(reader, address, destination, byteCount);
        }

        for (nint at = 0; at < byteCount;)
        {
            nuint offset = (address + (nuint)at) & (PageByteCount - 1);
            nint piece = (nint)(PageByteCount - offset) < byteCount - at ? (nint)(PageByteCount - offset) : byteCount - at;
            Move(PageOf(reader, address + (nuint)at) + offset, destination + at, piece);
            at += piece;
        }

        return byteCount;
    }

    // The page in which an address lies, as it was a moment ago.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* PageOf(LiveReader* reader, nuint address)
    {
        nuint page = address / PageByteCount;
        int slot = (int)((page * 0x9E3779B97F4A7C15) >> 52);
        byte* bytes = reader->Pages + ((nuint)slot * PageByteCount);
        if (reader->Tags[slot] != page + 1)
        {
            Fill(reader, page, bytes);
            reader->Tags[slot] = page + 1;
        }

        return bytes;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Fill(LiveReader* reader, nuint page, byte* bytes)
    {
        nint got = CopyNow(reader, page * PageByteCount, bytes, (nint)PageByteCount);
        for (nint i = got < 0 ? 0 : got; i < (nint)PageByteCount; i++)
        {
            bytes[i] = 0;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static nint CopyNow(LiveReader* reader, nuint address, byte* destination, nint byteCount)
    {
        nint total = 0;
        while (total < byteCount)
        {
            if (reader->IsAborted != 0)
            {
                return total > 0 ? total : -ErrorNumber.EFAULT;
            }

            nint wanted = byteCount - total < PieceByteCount ? byteCount - total : PieceByteCount;
            nint got = CopyPiece(reader, address + (nuint)total, destination + total, ref wanted);
            reader->BytesRead += got > 0 ? got : 0;
            reader->SliceLeft -= got > 0 ? got : 0;
            if (reader->SliceLeft <= 0)
            {
                EndSlice(reader);
            }

            if (got < wanted)
            {
                nint read = total + (got < 0 ? 0 : got);
                return read > 0 ? read : got;
            }

            total += got;
        }

        return total;
    }

    // From a copy that was made while a thread was held, or up to where the next of them begins.
    [MethodImpl(ChildCode.Options)]
    private static nint CopyPiece(LiveReader* reader, nuint address, byte* destination, ref nint wanted)
    {
        int next = reader->HeldCount == 0 ? 0
            : Roots.SortedRanges.FirstEndingAfter(reader->Held, sizeof(HeldCopy), reader->HeldCount, address);
        if (next < reader->HeldCount)
        {
            HeldCopy* held = reader->Held + next;
            nuint left = held->Start <= address ? held->End - address : held->Start - address;
            wanted = (nuint)wanted < left ? wanted : (nint)left;
            if (held->Start <= address)
            {
                Move(held->Bytes + (address - held->Start), destination, wanted);
                return wanted;
            }
        }

        return SafeRead.Copy(reader->ProcessId, address, destination, wanted);
    }

    [MethodImpl(ChildCode.Options)]
    private static void EndSlice(LiveReader* reader)
    {
        reader->SliceLeft = SliceByteCount;
        if (reader->DeadlineNanoseconds != 0 && MonotonicClock.Nanoseconds() > reader->DeadlineNanoseconds)
        {
            reader->IsAborted = 1;
        }

        if (reader->Pause != null)
        {
            reader->Pause(reader);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void Move(byte* from, byte* to, nint byteCount)
    {
        nint at = 0;
        for (; at + 8 <= byteCount; at += 8)
        {
            *(ulong*)(to + at) = *(ulong*)(from + at);
        }

        for (; at < byteCount; at++)
        {
            to[at] = from[at];
        }
    }
}
