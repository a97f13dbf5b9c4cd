// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: blocks of 16 to 1,024 bytes, freed and allocated in random order at about 16 frames, from 64 call stacks.
// Who calls it: Program.cs, once per process.
// The one idea: only the CPU time of the measuring threads counts, in segments whose median is kept; nothing is measured
// before the just-in-time compiler has come to rest, and no thread measures before all are ready.
// Safety: slots has room for the blocks of one thread, and each slot holds a block of at least 16 bytes.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>The churn of one heap.</summary>
internal static unsafe class ChurnWorkload<THeap>
    where THeap : struct, IHeap
{
    private const int StackLevels = 6;
    private const int StackCount = 1 << StackLevels;
    private const int OuterFrames = 4;
    private const int SegmentCount = 15;
    private const long WarmupPairs = 40_000;
    private const int ThreadStackByteCount = 1 << 20;
    private const nuint LeastByteCount = 16;
    private const uint ByteCountRange = 1009;

    /// <summary>Runs it; <paramref name="whileFull"/> is called once while every block is alive.</summary>
    public static ChurnTimes Run(ChurnSize size, Action whileFull)
    {
        double[][] cpu = new double[size.Threads][];
        double[][] wall = new double[size.Threads][];
        using Barrier ready = new(size.Threads);
        using Barrier full = new(size.Threads, _ => whileFull());
        Thread[] threads = [.. Enumerable.Range(0, size.Threads).Select(i => new Thread(
            () => (cpu[i], wall[i]) = Measure(i, size, ready, full), ThreadStackByteCount))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return new ChurnTimes(cpu.Average(Median), cpu.Average(times => times.Min()), wall.Average(Median));
    }

    private static (double[] Cpu, double[] Wall) Measure(int thread, ChurnSize size, Barrier ready, Barrier full)
    {
        void** slots = (void**)NativeMemory.AllocZeroed((nuint)size.Blocks, (nuint)sizeof(void*));
        ulong random = 0x9E3779B97F4A7C15UL * ((ulong)thread + 1);
        for (int i = 0; i < size.Blocks; i++)
        {
            slots[i] = CallTree<THeap>.Left(i & (StackCount - 1), StackLevels, LeastByteCount + (nuint)(i % ByteCountRange));
        }

        ulong start = random;
        WarmUp.Run(size.Pause, () => Nest(OuterFrames, slots, size, Math.Min(size.Pairs, WarmupPairs), ref start));
        ready.SignalAndWait();
        double[] cpu = new double[SegmentCount];
        double[] wall = new double[SegmentCount];
        long pairs = Math.Max(1, size.Pairs / SegmentCount);
        // The first one, not kept, shows the call stacks of this very loop to the recorder.
        for (int i = -1; i < SegmentCount; i++)
        {
            double wallStart = PosixClock.WallNanoseconds;
            double cpuStart = PosixClock.ThreadCpuNanoseconds;
            Nest(OuterFrames, slots, size, pairs, ref random);
            cpu[Math.Max(i, 0)] = (PosixClock.ThreadCpuNanoseconds - cpuStart) / pairs;
            wall[Math.Max(i, 0)] = (PosixClock.WallNanoseconds - wallStart) / pairs;
        }

        full.SignalAndWait();
        for (int i = 0; i < size.Blocks; i++)
        {
            THeap.Free(slots[i]);
        }

        NativeMemory.Free(slots);
        return (cpu, wall);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Nest(int frames, void** slots, ChurnSize size, long pairs, ref ulong random)
    {
        if (frames > 0)
        {
            return Nest(frames - 1, slots, size, pairs, ref random) + 1;
        }

        Loop(slots, size.Blocks, size.Run, pairs, ref random);
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Loop(void** slots, int blocks, int run, long pairs, ref ulong random)
    {
        ulong state = random;
        int path = 0, left = run;
        for (long i = 0; i < pairs; i++)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            int slot = (int)(((state >> 32) * (ulong)blocks) >> 32);
            nuint byteCount = LeastByteCount + (nuint)(((state & 0xFF_FFFF) * ByteCountRange) >> 24);
            THeap.Free(slots[slot]);
            if (left-- == 0)
            {
                path = (path + 1) & (StackCount - 1);
                left = run - 1;
            }

            void* block = CallTree<THeap>.Left(path, StackLevels, byteCount);
            *(long*)block = i;
            slots[slot] = block;
        }

        random = state;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
