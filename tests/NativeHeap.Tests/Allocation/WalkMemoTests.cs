// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>A stack that is recalled is the stack that a walk would find.</summary>
[TestFixture]
internal sealed unsafe class WalkMemoTests
{
    // Addresses of no code, so that nobody else teaches FrameSizes about them.
    private const nuint Frameless = 0x7_1000, Replaced = 0x7_2000, Framed = 0x7_3000, Outermost = 0x7_4000;
    private const int ThreadCount = 4, RoundCount = 20_000, WordCount = 32;

    [OneTimeSetUp]
    public void Start() => AllocationRecorder.Start(stackDepth: 16);

    // A stack of one method of each kind: every word that a walk reads is noticed, no other one is.
    [Test]
    public void EveryWordThatTheWalkReadIsCompared()
    {
        FrameSizes.Set(Frameless, 2);
        FrameSizes.Set(Replaced, FrameSizes.ReplacedBit | 5);
        nuint* words = stackalloc nuint[WordCount];
        new Span<nuint>(words, WordCount).Clear();
        int[] read = [4, 5, 8, 12, 17, 20, 21];
        words[4] = (nuint)(words + 12);    // the start's frame: saved RBP, return address
        words[5] = Frameless;
        words[8] = Replaced;               // two words above RSP (words + 6)
        words[12] = (nuint)(words + 20);   // the replaced method's frame: saved RBP; five words above it the return address
        words[17] = Framed;
        words[20] = (nuint)(words + 28);   // a frame; its caller is the last one that is asked for
        words[21] = Outermost;
        AllocationCall call = new((nuint)(words + 4), 0x7_0000, 0);
        nuint end = StackWalker.StackEnd;
        byte* memory = stackalloc byte[WalkMemo.ByteCount];
        WalkMemo* memo = (WalkMemo*)memory;
        ulong hash = StackWalker.Hash(in call, end, depth: 5, memo);
        Assert.That(hash, Is.EqualTo(StackWalker.Hash(in call, end, depth: 5)));
        Assert.That(hash, Is.EqualTo(StackWalker.Hash([0x7_0000, Frameless, Replaced, Framed, Outermost])), "the stack is as drawn");
        Assert.That(Recall(memo, in call, end), Is.Zero, "not finished");
        WalkMemo.Finish(memo, 77);
        Assert.That(Recall(memo, in call, end), Is.EqualTo(77u));
        for (int i = 0; i < WordCount; i++)
        {
            words[i] ^= 8;
            Assert.That(Recall(memo, in call, end), Is.EqualTo(read.Contains(i) ? 0u : 77u), $"word {i}");
            words[i] ^= 8;
        }

        Assert.That(Recall(memo, call with { ReturnAddress = 0x7_0001 }, end), Is.Zero);
        Assert.That(Recall(memo, call with { FramePointer = (nuint)(words + 5) }, end), Is.Zero);
        Assert.That(Recall(memo, call with { StackPointer = (nuint)(words + 2) }, end), Is.Zero);
        Assert.That(Recall(memo, in call, end - 16), Is.Zero, "another thread's stack");
        FrameSizes.Set(Frameless, 2);
        Assert.That(Recall(memo, in call, end), Is.Zero, "something was learned meanwhile");
    }

    // Every word changed to every kind of value: a patch is refused, or it ends with what a walk would find.
    [TestCase(5)]
    [TestCase(3)]
    [TestCase(16)]
    public void APatchedWalkEndsAsAWalkDoes(int depth)
    {
        FrameSizes.Set(Frameless, 2);
        FrameSizes.Set(Replaced, FrameSizes.ReplacedBit | 5);
        nuint* words = stackalloc nuint[WordCount];
        int patched = 0, refused = 0;
        for (int i = 0; i < WordCount; i++)
        {
            foreach (nuint value in new nuint[] { 0x7_5001, 0x7_5002, Frameless, Replaced, Framed, Outermost, 12, (nuint)(words + 26), 0 })
            {
                AllocationCall call = Draw(words);
                nuint end = StackWalker.StackEnd;
                WalkMemo* memo = WalkMemo.Of(ThreadNumbers.Current);
                StackWalker.Hash(in call, end, depth, memo);
                WalkMemo.Finish(memo, 77);
                words[i] = value;
                if (Patch(memo, in call, end, depth, out ulong hash))
                {
                    patched++;
                    Assert.That(hash, Is.EqualTo(StackWalker.Hash(in call, end, depth)), $"word {i}: {value:x}");
                    WalkMemo.Renew(memo, 78);
                    Assert.That(Recall(memo, in call, end), Is.EqualTo(78u));
                }
                else
                {
                    refused++;
                    Assert.That(Recall(memo, in call, end), Is.Zero, "what was refused serves nobody");
                }
            }
        }

        WalkMemo.Clear(WalkMemo.Of(ThreadNumbers.Current));
        Assert.That(patched, Is.GreaterThan(refused), "most words are read by no walk");
        Assert.That(refused, Is.GreaterThan(10));
    }

    // Frames above frames, where only return addresses change: none of it needs a walk.
    [Test]
    public void ReturnAddressesOfFramedMethodsArePatched()
    {
        nuint* words = stackalloc nuint[64];
        for (int i = 0; i < 16; i++)
        {
            words[4 * i] = (nuint)(words + (4 * (i + 1)));
            words[(4 * i) + 1] = 0x7_6000;
        }

        AllocationCall call = new((nuint)words, 0x7_6000, 0);
        nuint end = StackWalker.StackEnd;
        WalkMemo* memo = WalkMemo.Of(ThreadNumbers.Current);
        StackWalker.Hash(in call, end, depth: 12, memo);
        WalkMemo.Finish(memo, 5);
        Random random = new(3);
        for (int round = 0; round < 200; round++)
        {
            words[(4 * random.Next(11)) + 1] = 0x7_6000 + (nuint)random.Next(64);
            Assert.That(Patch(memo, in call, end, 12, out ulong hash), $"round {round}");
            Assert.That(hash, Is.EqualTo(StackWalker.Hash(in call, end, depth: 12)));
            WalkMemo.Renew(memo, 6);
        }

        WalkMemo.Renew(memo, 0);
        Assert.That(Recall(memo, in call, end), Is.Zero, "empty");
        Assert.That(Patch(memo, in call, end, 12, out _), Is.False);
    }

    // A start below the calling method's own frame was a start once, and may not be stack any more.
    [Test]
    public void AStartThatIsNoLongerOnTheStackIsNotRecalled()
    {
        byte* memory = stackalloc byte[WalkMemo.ByteCount];
        WalkMemo* memo = (WalkMemo*)memory;
        AllocationCall gone = Keep(memo);
        Assert.That(Recall(memo, in gone, StackWalker.StackEnd), Is.Zero);
    }

    // A thread whose stack is always another one stops keeping what serves nobody, and starts again when it would.
    [Test]
    public void MemosThatServeNobodyAreKeptRarely()
    {
        nuint* words = stackalloc nuint[8];
        new Span<nuint>(words, 8).Clear();
        byte* memory = stackalloc byte[WalkMemo.ByteCount];
        new Span<byte>(memory, WalkMemo.ByteCount).Clear();
        WalkMemo* memo = (WalkMemo*)memory;
        AllocationCall call = new((nuint)words, 0x7_0000, 0);
        int kept = 0;
        for (int i = 0; i < 800; i++)
        {
            kept += WalkMemo.IsWorthwhile(memo) ? 1 : 0;
        }

        Assert.That(kept, Is.InRange(100, 104));
        StackWalker.Hash(in call, StackWalker.StackEnd, depth: 2, memo);
        WalkMemo.Finish(memo, 3);
        Assert.That(Recall(memo, in call, StackWalker.StackEnd), Is.EqualTo(3u));
        Assert.That(WalkMemo.IsWorthwhile(memo), "it served");
        Assert.That(Recall(memo, in call, StackWalker.StackEnd), Is.EqualTo(3u), "and stands until it is written anew");
    }

    // The longest walk of each kind fits.
    [TestCase(0x7_3000UL, Description = "framed")]
    [TestCase(0x7_2000UL, Description = "replaced")]
    public void TheLongestWalkFitsItsMemo(ulong kind)
    {
        FrameSizes.Set(Replaced, FrameSizes.ReplacedBit | 3);
        nuint* words = stackalloc nuint[StackWalker.MaximumDepth * 4];
        for (int i = 0; i < StackWalker.MaximumDepth; i++)
        {
            words[4 * i] = (nuint)(words + (4 * (i + 1)));
            words[(4 * i) + 1] = (nuint)kind;
            words[(4 * i) + 3] = (nuint)kind;
        }

        byte* memory = stackalloc byte[WalkMemo.ByteCount + 64];
        new Span<byte>(memory, WalkMemo.ByteCount + 64).Fill(0xA5);
        WalkMemo* memo = (WalkMemo*)(memory + 32);
        AllocationCall call = new((nuint)words, (nuint)kind, 0);
        nuint end = StackWalker.StackEnd;
        ulong hash = StackWalker.Hash(in call, end, StackWalker.MaximumDepth, memo);
        WalkMemo.Finish(memo, 5);
        Assert.That(hash, Is.EqualTo(StackWalker.Hash(in call, end, StackWalker.MaximumDepth)));
        Assert.That(Recall(memo, in call, end), Is.EqualTo(5u));
        Assert.That(new Span<byte>(memory, 32).ToArray().Concat(new Span<byte>(memory + 32 + WalkMemo.ByteCount, 32).ToArray()),
            Is.All.EqualTo((byte)0xA5), "nothing was written beside the memo");
    }

    // Random paths through two methods, on several threads: with a memo and without, the site is the same.
    [Test]
    public void WithAndWithoutAMemoTheSiteIsTheSame()
    {
        long different = 0, recalled = 0, rounds = 0;
        Thread[] threads = [.. Enumerable.Range(0, ThreadCount).Select(number => new Thread(() =>
        {
            Random random = new(number);
            int path = 0;
            for (int i = 0; i < RoundCount; i++)
            {
                // The same path a few times, then one that differs in one frame or in all.
                path = random.Next(4) != 0 ? path : random.Next(2) == 0 ? path ^ (1 << random.Next(8)) : random.Next(256);
                (uint plain, uint site, bool isRecalled) = Left(path, 1 + random.Next(8));
                Interlocked.Add(ref different, plain == site ? 0 : 1);
                Interlocked.Add(ref recalled, isRecalled ? 1 : 0);
                Interlocked.Increment(ref rounds);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.That(rounds, Is.EqualTo(ThreadCount * RoundCount));
        Assert.That(different, Is.Zero);
        Assert.That(recalled, Is.GreaterThan(0), "no memo was ever used: nothing was tested");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Patch(WalkMemo* memo, in AllocationCall call, nuint end, int depth, out ulong hash)
        => WalkMemo.TryPatch(memo, in call, end, depth, out hash);

    // One method of each kind.
    private static AllocationCall Draw(nuint* words)
    {
        new Span<nuint>(words, WordCount).Clear();
        words[4] = (nuint)(words + 12);
        words[5] = Frameless;
        words[8] = Replaced;
        words[12] = (nuint)(words + 20);
        words[17] = Framed;
        words[20] = (nuint)(words + 28);
        words[21] = Outermost;
        return new((nuint)(words + 4), 0x7_0000, 0);
    }

    // Below the caller's frame, as the recorder is.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Recall(WalkMemo* memo, in AllocationCall call, nuint end) => WalkMemo.Recall(memo, in call, end);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static AllocationCall Keep(WalkMemo* memo)
    {
        nuint* words = stackalloc nuint[256];
        words[0] = 0;
        words[1] = 0x7_5000;
        AllocationCall call = new((nuint)words, 0x7_0000, 0);
        StackWalker.Hash(in call, StackWalker.StackEnd, depth: 2, memo);
        WalkMemo.Finish(memo, 9);
        Assert.That(Recall(memo, in call, StackWalker.StackEnd), Is.EqualTo(9u));
        return call;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (uint Plain, uint Site, bool IsRecalled) Left(int path, int levels)
    {
        var result = levels == 0 ? Both() : (path & 1) == 0 ? Left(path >> 1, levels - 1) : Right(path >> 1, levels - 1);
        return result.Plain != uint.MaxValue ? result : throw new InvalidOperationException();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (uint Plain, uint Site, bool IsRecalled) Right(int path, int levels)
    {
        var result = levels == 0 ? Both() : (path & 1) == 0 ? Left(path >> 1, levels - 1) : Right(path >> 1, levels - 1);
        return result.Plain != uint.MaxValue ? result : throw new InvalidOperationException();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (uint Plain, uint Site, bool IsRecalled) Both()
    {
        AllocationCall call = StackWalker.Caller();
        ushort thread = ThreadNumbers.Current;
        // Named first: while a stack is unknown, naming it may teach the walk something.
        SiteDepot.Intern(in call, StackWalker.StackEnd, 0);
        uint plain = SiteDepot.Intern(in call, StackWalker.StackEnd, 0);
        bool isRecalled = WalkMemo.Recall(WalkMemo.Of(thread), in call, StackWalker.StackEnd) != 0;
        return (plain, SiteDepot.Intern(in call, StackWalker.StackEnd, thread), isRecalled);
    }
}
