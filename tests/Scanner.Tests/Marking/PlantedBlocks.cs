// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: blocks for scans of the process that runs this suite, planted so that nothing but the test holds them.
// Who calls it: SnapshotScanTests, ConcurrentScanTests.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Planting. Addresses are kept complemented.</summary>
internal static unsafe class PlantedBlocks
{
    private const nuint FreshByteCount = 1 << 30, UsedByteCount = 32 << 20, FirstOffset = 4096;

    private static nuint s_fresh;

    /// <summary>Takes address space. Once per fixture.</summary>
    public static void Prepare()
    {
        // Blocks in the middle of a gigabyte that nobody has used: in the C heap, stale pointers of the runtime's own would
        // make them possible now and then. Not pages of the detector's: those are no memory of the application.
        s_fresh = Map(FreshByteCount, protection: 0) + (FreshByteCount / 2);
        Assert.That(RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)s_fresh, (nint)UsedByteCount, 3) == 0, Is.True);

        // Where mappings meet, lists of mappings hold the address: no block begins there.
        s_fresh += FirstOffset;
    }

    /// <summary>Memory of nobody's: neither the C heap's nor the detector's.</summary>
    public static nuint Map(nuint byteCount, nint protection = 3)
    {
        nint result = RawSyscall.Invoke(SyscallNumber.Mmap, 0, (nint)byteCount, protection, 0x4022, -1);
        return result > 0 ? (nuint)result : throw new InsufficientMemoryException();
    }

    /// <summary>A recorded block in fresh memory.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nuint Allocate(nuint byteCount)
    {
        nuint block = s_fresh;
        s_fresh += (byteCount + 8191) & ~(nuint)4095;
        RecordTable.Insert(block, byteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 0);
        return block;
    }

    /// <summary>Takes it out again.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(nuint block) => Assert.That(RecordTable.TryRemove(block, out _));

    /// <summary>What an outcome says of a block.</summary>
    public static Verdict VerdictOf(ScanOutcome outcome, nuint hidden)
    {
        foreach (ref readonly LostBlock lost in outcome.Lost)
        {
            if (~lost.Address == hidden)
            {
                return lost.Verdict;
            }
        }

        return Verdict.Reachable;
    }

    // On a thread of its own, which ends: no stale copy of the address stays in this thread's frames. Nor in its own: the
    // next thread, the scanner's, is likely to get the same stack, and the holes of its frames would show the old words.
    public static nuint OnThread(Func<nuint> plant)
    {
        nuint result = 0;
        Thread thread = new(() =>
        {
            result = plant();
            ScrubStack();
        });
        thread.Start();
        thread.Join();
        return result;
    }

    /// <summary>Overwrites what lies below the caller's frame.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ScrubStack()
    {
        const int ByteCount = 128 * 1024;
        byte* dead = stackalloc byte[ByteCount];
        NativeMemory.Fill(dead, ByteCount, 0x5C);
    }
}
