// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how a copy reads long ranges: directly, or by copying them piece by piece into a buffer that stays in the cache.
// Who calls it: Marker.
// The one idea: a fresh copy of a process has no translation of its addresses yet. On most machines the processor makes one
// at a first touch in no time; in a virtual machine without nested paging the host does, which takes a multiple of what the
// kernel needs to copy the page. Which it is, time tells: the way that was slower is tried again now and then.
// Safety: the copy reads its own memory file, into a buffer of its own; what the kernel does not give is read directly, as if
// this did not exist. The file descriptor is the copy's, which has no others.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>What one marker knows of the two ways.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ReadingWay
{
    /// <summary>1: the memory file is open, and there is a choice.</summary>
    public int IsOpen;

    /// <summary>Descriptor of the memory file, and a buffer of <see cref="LinearReading.BufferByteCount"/>.</summary>
    public int File;
    public byte* Buffer;

    /// <summary>Nanoseconds of CPU time that a piece took of late; 0: not known.</summary>
    public long CopyCost, DirectCost;

    /// <summary>Pieces until the slower way is tried again, and how many there were between the last two tries.</summary>
    public int Countdown, Interval;
}

/// <summary>Reads long ranges of a copy.</summary>
[ChildCode]
internal static unsafe class LinearReading
{
    /// <summary>Bytes copied at once: a part of a usual second-level cache.</summary>
    public const nuint BufferByteCount = 128 << 10;

    // Shorter ranges are not worth a system call.
    private const nuint LeastByteCount = 32 << 10;

    // After how many pieces the other way is tried again: from, to.
    private const int ShortestInterval = 4, LongestInterval = 256;
    private const nint OpenReadOnly = 0, ThreadCpuClock = 3;

    /// <summary>Opens the memory file, where that is wanted and possible.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Open(ChildState* state)
    {
        if (state->SafeMode == 0 && state->Context->SelfMemoryPath != null)
        {
            nint file = RawSyscall.Invoke(SyscallNumber.Open, (nint)state->Context->SelfMemoryPath, OpenReadOnly);
            state->Reading.File = (int)file;
            state->Reading.IsOpen = file >= 0 ? 1 : 0;
            state->Reading.Interval = ShortestInterval;
            state->Reading.Countdown = ShortestInterval;
        }
    }

    /// <summary>Closes it, for tests that scan in their own process.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Close(ChildState* state)
    {
        if (state->Reading.IsOpen != 0)
        {
            state->Reading.IsOpen = 0;
            RawSyscall.Invoke(SyscallNumber.Close, state->Reading.File);
        }
    }

    /// <summary>Whether a range is to be read by <see cref="Scan"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Wants(ChildState* state, nuint start, nuint end)
        => state->Reading.IsOpen != 0 && end > start && end - start >= LeastByteCount;

    /// <summary>Reads a range.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Scan(ChildState* state, nuint start, nuint end)
    {
        ReadingWay* way = &state->Reading;
        while (start + sizeof(ulong) <= end)
        {
            state->View->Progress++;
            nuint wanted = end - start < BufferByteCount ? end - start : BufferByteCount;

            // Only whole pieces can be compared.
            bool isWhole = wanted == BufferByteCount, isOther = isWhole && --way->Countdown <= 0;
            bool isCopied = (way->CopyCost <= way->DirectCost) != isOther;
            long before = isWhole ? CpuNanoseconds() : 0;
            if (!isCopied || !TryCopy(state, start, wanted))
            {
                Marker.ScanPiece(state, start, start + wanted, 0);
            }

            if (isWhole)
            {
                Learn(way, isCopied, isOther, CpuNanoseconds() - before);
            }

            // No word at a 4-byte step is lost between two pieces.
            start += wanted == end - start ? wanted : wanted - Marker.Stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryCopy(ChildState* state, nuint start, nuint wanted)
    {
        nuint buffer = (nuint)state->Reading.Buffer;
        nint got = RawSyscall.Invoke(SyscallNumber.Pread64, state->Reading.File, (nint)buffer, (nint)wanted, (nint)start);
        if (got != (nint)wanted)
        {
            return false;
        }

        Marker.ScanPiece(state, buffer, buffer + wanted, start - buffer);
        return true;
    }

    // The mean of what was and what is: memory differs from range to range.
    [MethodImpl(ChildCode.Options)]
    private static void Learn(ReadingWay* way, bool isCopied, bool isOther, long nanoseconds)
    {
        bool before = way->CopyCost <= way->DirectCost;
        long* cost = isCopied ? &way->CopyCost : &way->DirectCost;
        *cost = *cost == 0 ? nanoseconds : (*cost + nanoseconds) / 2;
        if (isOther)
        {
            bool isConfirmed = before == way->CopyCost <= way->DirectCost;
            way->Interval = !isConfirmed ? ShortestInterval
                : way->Interval * 2 < LongestInterval ? way->Interval * 2 : LongestInterval;
            way->Countdown = way->Interval;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static long CpuNanoseconds()
    {
        long* time = stackalloc long[2];
        time[0] = 0;
        time[1] = 0;
        RawSyscall.Invoke(SyscallNumber.ClockGettime, ThreadCpuClock, (nint)time);
        return (time[0] * 1_000_000_000) + time[1];
    }
}
