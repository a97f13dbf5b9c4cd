// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>Any sequence of calls gives the same contents as the same calls of the originals, and balances.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class MemorySequenceTests
{
    private readonly record struct Call(int Kind, int Block, int Size);

    private struct Pair
    {
        public byte* Original;
        public byte* Tracked;
        public int Size;
        public bool IsAligned;
    }

    [OneTimeSetUp]
    public void Start() => Recording.StartIfOn();

    [Test]
    public void AnySequenceOfCallsKeepsEveryBlockEqual()
    {
        Gen<int> sizes = Gen.OneOf(Gen.Choose(0, 300), Gen.Choose(0, 300), Gen.Choose(30_000, 40_000), Gen.Choose(130_000, 140_000));
        Gen<Call> call =
            from kind in Gen.Choose(0, 6)
            from block in Gen.Choose(0, 1000)
            from size in sizes
            select new Call(kind, block, size);
        Prop.ForAll(call.ListOf().ToArbitrary(), calls => Run(calls)).Check(
            Config.QuickThrowOnFailure.WithMaxTest(200).WithStartSize(1).WithEndSize(120));
    }

    private static void Run(IReadOnlyList<Call> calls)
    {
        long live = RecordTable.Counters.LiveBlocks;
        List<Pair> pairs = [];
        int step = 0;
        foreach (Call call in calls)
        {
            step++;
            int at = pairs.Count == 0 ? -1 : call.Block % pairs.Count;
            switch (call.Kind)
            {
                case 0:
                    Add(NativeMemory.Alloc((nuint)call.Size), TrackedMemory.Alloc((nuint)call.Size), false);
                    break;
                case 1:
                    Add(NativeMemory.AllocZeroed((nuint)call.Size), TrackedMemory.AllocZeroed((nuint)call.Size), false);
                    break;
                case 2:
                    Add(NativeMemory.AlignedAlloc((nuint)call.Size, 64), TrackedMemory.AlignedAlloc((nuint)call.Size, 64), true);
                    break;
                case 3 or 4 when at >= 0:
                    pairs[at] = Resize(pairs[at], call.Size);
                    break;
                case 5 when at >= 0:
                    Free(pairs[at]);
                    pairs.RemoveAt(at);
                    break;
            }

            foreach (Pair pair in pairs)
            {
                Assert.That(new ReadOnlySpan<byte>(pair.Tracked, pair.Size)
                    .SequenceEqual(new ReadOnlySpan<byte>(pair.Original, pair.Size)));
            }

            void Add(void* original, void* tracked, bool isAligned)
            {
                Pair pair = new() { Original = (byte*)original, Tracked = (byte*)tracked, Size = call.Size, IsAligned = isAligned };
                if (call.Kind == 1)
                {
                    Assert.That(new ReadOnlySpan<byte>(tracked, call.Size).IndexOfAnyExcept((byte)0), Is.EqualTo(-1));
                }

                Paint(pair, (byte)step, 0);
                pairs.Add(pair);
            }
        }

        if (Recording.IsOn)
        {
            Assert.That(RecordTable.Counters.LiveBlocks - live, Is.EqualTo(pairs.Count));
        }

        pairs.ForEach(Free);
        Assert.That(RecordTable.Counters.LiveBlocks, Is.EqualTo(live));
    }

    // Both blocks keep the same prefix; the new part gets a new pattern.
    private static Pair Resize(Pair pair, int size)
    {
        int kept = Math.Min(pair.Size, size);
        byte pattern = (byte)(size * 31);
        Pair resized = pair.IsAligned
            ? pair with
            {
                Original = (byte*)NativeMemory.AlignedRealloc(pair.Original, (nuint)size, 128),
                Tracked = (byte*)TrackedMemory.AlignedRealloc(pair.Tracked, (nuint)size, 128),
                Size = size,
            }
            : pair with
            {
                Original = (byte*)NativeMemory.Realloc(pair.Original, (nuint)size),
                Tracked = (byte*)TrackedMemory.Realloc(pair.Tracked, (nuint)size),
                Size = size,
            };
        Paint(resized, pattern, kept);
        return resized;
    }

    private static void Free(Pair pair)
    {
        if (pair.IsAligned)
        {
            NativeMemory.AlignedFree(pair.Original);
            TrackedMemory.AlignedFree(pair.Tracked);
        }
        else
        {
            NativeMemory.Free(pair.Original);
            TrackedMemory.Free(pair.Tracked);
        }
    }

    private static void Paint(Pair pair, byte pattern, int from)
    {
        for (int i = from; i < pair.Size; i++)
        {
            pair.Original[i] = (byte)(pattern + i);
            pair.Tracked[i] = (byte)(pattern + i);
        }
    }
}
