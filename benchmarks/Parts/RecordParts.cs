// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the record table and its guards, without an allocation around them.
// Safety: the addresses are those of blocks that live as long as the process; only their records come and go.
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Records of 4,096 blocks, visited in a scattered order.</summary>
public unsafe class RecordParts
{
    private const int BlockCount = 4096;
    private const int Stride = 1777;
    private const nuint ByteCount = 64;
    private readonly nuint[] _addresses = new nuint[BlockCount];
    private int _next;

    [GlobalSetup]
    public void Allocate()
    {
        for (int i = 0; i < BlockCount; i++)
        {
            // The drop-in records each block once; the benchmarks take records out and put them back.
            _addresses[i] = (nuint)TrackedMemory.Alloc(ByteCount);
        }
    }

    [Benchmark(Description = "record remove + insert")]
    public bool RemoveInsert()
    {
        nuint address = Next();
        return RecordTable.TryRemove(address, out BlockRecord removed)
            & RecordTable.Insert(address, ByteCount, removed.Api, removed.Flags, removed.Site);
    }

    [Benchmark(Description = "index find, under a guard")]
    public bool Find()
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, Next(), out RecordHandle found))
        {
            return false;
        }

        using (found)
        {
            return found.Record.BlockByteCount == ByteCount;
        }
    }

    [Benchmark(Description = "epoch guard enter + exit")]
    public void Guard()
    {
        using EpochGuard guard = RecordTable.EnterGuard();
    }

    private nuint Next() => _addresses[_next = (_next + Stride) & (BlockCount - 1)];
}
