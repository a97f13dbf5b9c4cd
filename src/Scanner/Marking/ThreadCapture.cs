// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: copies registers and the live part of the stack of threads that are held for a moment.
// Who calls it: the stopped world, group by group, for a concurrent pass.
// The one idea: what a thread holds where only it can write is taken at one instant; the copies take the place of the memory
// they came from for the rest of the pass.
// Safety: all of the application's memory is read by the kernel; tables have the capacities beside them.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>The threads of one pass, and what they held. In pages of ours.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct ThreadCapture
{
    /// <summary>Threads, and pieces of memory, there is room for: three a thread.</summary>
    public const int ThreadCapacity = 32_768, CopyCapacity = 3 * ThreadCapacity;

    /// <summary>Bytes there is room for, and most of one stack: what lies above is read later, where it stands.</summary>
    public const nuint ByteCapacity = 256 << 20, LargestStackByteCount = 8 << 20;

    private const nuint RedZoneByteCount = 128, UnknownStackByteCount = 64 << 10;

    public ParkedThread* Threads;
    public HeldCopy* Copies;
    public byte* Bytes;
    public int ThreadCount, CopyCount, ProcessId;

    /// <summary>1: something found no room.</summary>
    public int IsFull;
    public nuint ByteCount;

    /// <summary>The mappings a moment before: where stacks end.</summary>
    public Mapping* Mappings;
    public int MappingCount;

    /// <summary>Takes in one group. While it is held.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Take(SnapshotView* view, void* context)
    {
        ThreadCapture* capture = (ThreadCapture*)context;
        for (int i = capture->ThreadCount == 0 ? 0 : 1; i < view->ThreadCount; i++)
        {
            if (capture->ThreadCount == ThreadCapacity)
            {
                capture->IsFull = 1;
                return;
            }

            ParkedThread* thread = view->Threads + i;
            capture->Threads[capture->ThreadCount++] = *thread;
            if (thread->State is ThreadParkState.Parked or ThreadParkState.Asleep && thread->StackPointer != 0)
            {
                Keep(capture, thread->Registers.Start, thread->Registers.End);
                Keep(capture, thread->VectorRegisters.Start, thread->VectorRegisters.End);
                nuint start = (thread->StackPointer - RedZoneByteCount) & ~(nuint)7;
                Keep(capture, start, EndOf(capture, thread));
            }
        }
    }

    // Where the stack's mapping ends; for a stack that is younger than the list, its control block's page or a guess.
    [MethodImpl(ChildCode.Options)]
    private static nuint EndOf(ThreadCapture* capture, ParkedThread* thread)
    {
        nuint pointer = thread->StackPointer;
        int found = SortedRanges.Find(capture->Mappings, sizeof(Mapping), capture->MappingCount, pointer);
        nuint end = found >= 0 ? capture->Mappings[found].End
            : thread->ThreadControlBlock - pointer < LargestStackByteCount ? (thread->ThreadControlBlock | 4095) + 1
            : pointer + UnknownStackByteCount;
        return end - pointer < LargestStackByteCount ? end : pointer + LargestStackByteCount;
    }

    [MethodImpl(ChildCode.Options)]
    private static void Keep(ThreadCapture* capture, nuint start, nuint end)
    {
        if (end <= start)
        {
            return;
        }

        nuint wanted = end - start;
        if (capture->CopyCount == CopyCapacity || ByteCapacity - capture->ByteCount < wanted)
        {
            capture->IsFull = 1;
            return;
        }

        byte* bytes = capture->Bytes + capture->ByteCount;
        nint got = SafeRead.Copy(capture->ProcessId, start, bytes, (nint)wanted);
        if (got <= 0)
        {
            return;
        }

        HeldCopy* copy = capture->Copies + capture->CopyCount++;
        copy->Start = start;
        copy->End = start + (nuint)got;
        copy->Bytes = bytes;
        capture->ByteCount += ((nuint)got + 15) & ~(nuint)15;
    }

    /// <summary>Sorts the copies by address and drops what overlaps: two threads that run on one piece of memory.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Sort(ThreadCapture* capture)
    {
        // Shell's sort: they come nearly sorted, if at all, and there are few.
        for (int gap = capture->CopyCount / 2; gap > 0; gap = gap == 2 ? 1 : (int)((long)gap * 5 / 11))
        {
            for (int i = gap; i < capture->CopyCount; i++)
            {
                HeldCopy moved = capture->Copies[i];
                int at = i;
                for (; at >= gap && capture->Copies[at - gap].Start > moved.Start; at -= gap)
                {
                    capture->Copies[at] = capture->Copies[at - gap];
                }

                capture->Copies[at] = moved;
            }
        }

        int kept = 0;
        for (int i = 0; i < capture->CopyCount; i++)
        {
            HeldCopy* copy = capture->Copies + i;
            nuint before = kept == 0 ? 0 : capture->Copies[kept - 1].End;
            if (copy->End > before)
            {
                nuint cut = copy->Start < before ? before - copy->Start : 0;
                HeldCopy rest = *copy;
                rest.Start += cut;
                rest.Bytes += cut;
                capture->Copies[kept++] = rest;
            }
        }

        capture->CopyCount = kept;
    }
}
