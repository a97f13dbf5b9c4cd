// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: many blocks of 64 bytes that stay, from 64 call stacks.
// Who calls it: Program.cs, once per process.
// The one idea: resident memory before and after, in which the C heap's own 16 bytes a block are the same for every peer.
// Safety: the list has room for every block's address.
using System.Globalization;
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>Retained blocks of one heap.</summary>
internal static unsafe class RetainWorkload<THeap>
    where THeap : struct, IHeap
{
    private const nuint BlockByteCount = 64;
    private const int StackLevels = 6;
    private const int StackCount = 1 << StackLevels;
    private const int WarmupBlocks = 2000;

    /// <summary>Allocates <paramref name="count"/> blocks and keeps them.</summary>
    /// <param name="count">How many.</param>
    /// <param name="pause">Milliseconds between two rounds of warming up.</param>
    public static Retained Run(int count, int pause)
    {
        nuint listByteCount = (nuint)count * (nuint)sizeof(void*);
        void** list = (void**)NativeMemory.Alloc(listByteCount);
        NativeMemory.Fill(list, listByteCount, 1);
        WarmUp.Run(pause, () => FillAndFree(list, Math.Min(count, WarmupBlocks)));
        long resident = ResidentByteCount();
        nuint metadata = Detector.MetadataByteCount;
        Fill(list, count);
        return new Retained(ResidentByteCount() - resident, (long)(Detector.MetadataByteCount - metadata));
    }

    private static void FillAndFree(void** list, int count)
    {
        Fill(list, count);
        for (int i = 0; i < count; i++)
        {
            THeap.Free(list[i]);
        }
    }

    private static void Fill(void** list, int count)
    {
        for (int i = 0; i < count; i++)
        {
            void* block = CallTree<THeap>.Left(i & (StackCount - 1), StackLevels, BlockByteCount);
            NativeMemory.Fill(block, BlockByteCount, 1);
            list[i] = block;
        }
    }

    // Second number of statm: resident pages.
    private static long ResidentByteCount() => Environment.SystemPageSize * long.Parse(
        File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture);
}
