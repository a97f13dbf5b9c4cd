// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what a reader of records pays, and the clock that every record is stamped with.
// Safety: blocks live as long as the process and are only looked up.
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Lookups, guards, the clock.</summary>
public unsafe class ReaderParts
{
    private const int BlockCount = 4096;
    private const int Stride = 1777;
    private const nuint ByteCount = 64;
    private static readonly nuint[] s_addresses = new nuint[BlockCount];

    [GlobalSetup]
    public void Prepare()
    {
        for (int i = 0; i < BlockCount && s_addresses[^1] == 0; i++)
        {
            s_addresses[i] = (nuint)TrackedMemory.Alloc(ByteCount);
        }

        Frames.WarmUpBelow(&FindMany, BlockCount);
        Frames.WarmUpBelow(&GuardMany, BlockCount);
        Frames.WarmUpBelow(&ClockMany, BlockCount);
    }

    [Benchmark(OperationsPerInvoke = BlockCount, Description = "clock of births")]
    public long Clock() => Frames.Below(&ClockMany, BlockCount);

    [Benchmark(OperationsPerInvoke = BlockCount, Description = "epoch guard enter + exit")]
    public long Guard() => Frames.Below(&GuardMany, BlockCount);

    [Benchmark(OperationsPerInvoke = BlockCount, Description = "find and pin, under a guard of its own")]
    public long Find() => Frames.Below(&FindMany, BlockCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long ClockMany(int repetitions)
    {
        uint last = 0;
        long forward = 0;
        for (int i = 0; i < repetitions; i++)
        {
            uint now = CoarseClock.NowTicks;
            forward += now >= last && now != 0 ? 1 : 0;
            last = now;
        }

        return Proof.Count(forward, repetitions, "readings of the clock");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long GuardMany(int repetitions)
    {
        long entered = 0;
        for (int i = 0; i < repetitions; i++)
        {
            using EpochGuard guard = RecordTable.EnterGuard();
            entered++;
        }

        return Proof.Count(entered, repetitions, "guards");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long FindMany(int repetitions)
    {
        long right = 0;
        for (int i = 0, at = 0; i < repetitions; i++, at = (at + Stride) & (BlockCount - 1))
        {
            right += FindOne(s_addresses[at]) ? 1 : 0;
        }

        return Proof.Count(right, repetitions, "blocks found");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool FindOne(nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, address, out RecordHandle found))
        {
            return false;
        }

        using (found)
        {
            return found.Record.BlockByteCount == ByteCount;
        }
    }
}
