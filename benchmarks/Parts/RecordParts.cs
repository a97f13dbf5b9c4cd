// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the record table and its guards, without an allocation around them.
// Safety: the addresses are those of blocks that live as long as the process; only their records come and go.
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Records of 16,384 blocks, visited in a scattered order.</summary>
public unsafe class RecordParts
{
    private const int BlockCount = 1 << 14;
    private const int Stride = 7919;
    private const nuint ByteCount = 64;
    private static readonly nuint[] s_addresses = new nuint[BlockCount];

    /// <summary>Blocks, and everything run once in the order in which it is measured.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        for (int i = 0; i < BlockCount && s_addresses[^1] == 0; i++)
        {
            // The drop-in records each block once; the benchmarks take records out and put them back.
            s_addresses[i] = (nuint)TrackedMemory.Alloc(ByteCount);
        }

        // Another benchmark may have left them out.
        PutIn();
        Frames.WarmUpBelow(&EverythingOnce, BlockCount);
    }

    [IterationSetup(Targets = [nameof(Remove), nameof(Gate)])]
    public void PutIn()
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        foreach (nuint address in s_addresses)
        {
            if (RecordTable.TryFind(in guard, address, out RecordHandle found))
            {
                found.Dispose();
            }
            else
            {
                Put(address);
            }
        }
    }

    [IterationSetup(Target = nameof(Insert))]
    public void TakeOut() => RemoveMany(BlockCount);

    [Benchmark(OperationsPerInvoke = BlockCount, Description = "record insert")]
    public long Insert() => Frames.Below(&InsertMany, BlockCount);

    [Benchmark(OperationsPerInvoke = BlockCount, Description = "record remove")]
    public long Remove() => Frames.Below(&RemoveMany, BlockCount);

    [Benchmark(OperationsPerInvoke = BlockCount, Description = "gate of a known free, removal included")]
    public long Gate() => Frames.Below(&GateMany, BlockCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long InsertMany(int repetitions)
    {
        long inserted = 0;
        for (int i = 0, at = 0; i < repetitions; i++, at = (at + Stride) & (BlockCount - 1))
        {
            inserted += Put(s_addresses[at]) ? 1 : 0;
        }

        return Proof.Count(inserted, repetitions, "records inserted");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long RemoveMany(int repetitions)
    {
        long removed = 0;
        for (int i = 0, at = 0; i < repetitions; i++, at = (at + Stride) & (BlockCount - 1))
        {
            removed += RecordTable.Remove(s_addresses[at]).IsFound ? 1 : 0;
        }

        return Proof.Count(removed, repetitions, "records removed");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long GateMany(int repetitions)
    {
        long passed = 0;
        for (int i = 0, at = 0; i < repetitions; i++, at = (at + Stride) & (BlockCount - 1))
        {
            passed += PassOne(s_addresses[at]);
        }

        return Proof.Count(passed, repetitions, "frees passed");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int PassOne(nuint address)
    {
        AllocationCall call = StackWalker.Caller();
        FreeTicket ticket = default;
        FreeGate.Enter(address, FreeingApi.NativeMemoryFree, in call, ref ticket);
        FreeGate.Pass(in ticket, address);
        FreeGate.Leave(in ticket);
        return ticket is { HasRecord: true, IsWithheld: false } ? 1 : 0;
    }

    private static bool Put(nuint address) => RecordTable.Insert(RecordTable.Approach(address), address, ByteCount,
        AllocationApi.NativeMemoryAlloc, BlockFlags.None, SiteDepot.UnknownSite, ThreadNumbers.Current);

    private static long EverythingOnce(int repetitions)
        => RemoveMany(repetitions) + InsertMany(repetitions) + GateMany(repetitions) + InsertMany(repetitions);
}
