// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Interception;

/// <summary>
/// The hook's malloc and free in machine code: the usual case is theirs alone, everything unusual goes to a body, and what they
/// did themselves is what the bodies would have done.
/// </summary>
[TestFixture]
[NonParallelizable]
[SupportedOSPlatform("linux")]
internal sealed unsafe class HookCodeTests
{
    private const nuint ByteCount = 48;

    // Clocks tick and threads get numbers: what is said of the usual case must hold once in so many tries.
    private const int Tries = 200;
    private const int Threads = 20;

    private static readonly Unusual s_nothing = new("nothing");

    private static readonly Unusual[] s_unusual =
    [
        new("in a scope") { Before = Scopes.Enter, After = Scopes.Leave, IsMalloc = true, IsRecorded = false },
        // As after a stop, which would leave a gap in what other tests know of this process.
        new("with a closed gate")
        {
            Before = () => RecorderGates.SetIntake(false), After = () => RecorderGates.SetIntake(true), IsMalloc = true, IsFree = false,
        },
        new("large") { ByteCount = CHeap.QuickByteCount + 1, IsMalloc = true },
        new("filled")
        {
            Before = () => MisuseDetector.Configure(0, poison: true, keepFreeStacks: false),
            AfterFree = () => MisuseDetector.Configure(0, poison: false, keepFreeStacks: false), IsMalloc = true,
        },
        new("with a hint") { BeforeFree = block => Assert.That(LeakHints.ScanArea((void*)block, 0, 8)) },
        new("while somebody reads") { BeforeFree = _ => Scopes.StartReading(), AfterFree = Scopes.EndReading },
        new("while frees keep stacks") { BeforeFree = _ => MisuseDetector.Configure(0, false, keepFreeStacks: true),
            AfterFree = () => MisuseDetector.Configure(0, false, keepFreeStacks: false) },
    ];

    private static delegate* unmanaged<nuint, void*> s_malloc;
    private static delegate* unmanaged<void*, void> s_free;

    [OneTimeSetUp]
    public void Start()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
        HookCode.Prepare();
    }

    [SetUp]
    public void UseTheWholeCode()
    {
        s_malloc = HookCode.Malloc;
        s_free = HookCode.Free;
    }

    [Test]
    public void APairFromAKnownStackNeedsNoBody()
    {
        RecordCounters before = RecordTable.Counters;
        bool isSeen = false;
        for (int i = 0; i < Tries; i++)
        {
            int calls = Calls;
            Free(Allocate(ByteCount + More(i)));
            isSeen |= Calls == calls;
        }

        RecordCounters after = RecordTable.Counters;
        Assert.That(isSeen, "every pair went to a body");
        Assert.That(after.Allocated - before.Allocated, Is.EqualTo(Tries));
        Assert.That((after.LiveBlocks, after.LiveBytes), Is.EqualTo((before.LiveBlocks, before.LiveBytes)));
        Assert.That(after.UnknownFrees, Is.EqualTo(before.UnknownFrees));
    }

    [Test]
    public void ARecordOfMachineCodeIsThatOfTheBody()
    {
        BlockRecord first = default;
        for (int i = 0; i < Tries; i++)
        {
            int calls = Calls;
            void* block = Allocate(ByteCount);
            bool isUsual = Calls == calls;
            BlockRecord record = Find(block)!.Value;
            first = i == 0 ? record : first;
            Assert.That(isUsual && i == 0, Is.False, "the first is the body's");
            Assert.That(record.Address, Is.EqualTo((nuint)block));
            Assert.That(
                (record.BlockByteCount, record.Site, record.ThreadNumber, record.Api, record.Flags),
                Is.EqualTo((ByteCount, first.Site, first.ThreadNumber, first.Api, first.Flags)));
            Assert.That(i == 0 || PackedRecord.IsYounger(record.Ordinal, first.Ordinal));
            first.Ordinal = record.Ordinal;
            Free(block);
            Assert.That(Find(block), Is.Null);
            Assert.That(RecentFrees.TryFind((nuint)block, out FreedBlock freed));
            Assert.That((freed.Site, freed.ByteCount, freed.Api), Is.EqualTo((record.Site, ByteCount, record.Api)));
        }
    }

    [Test]
    public void BlocksOfEverySizeAreRecordedAndFreed()
    {
        RecordCounters before = RecordTable.Counters;
        for (nuint byteCount = 0; byteCount < 70_000; byteCount += 1 + (byteCount / 16))
        {
            void* block = Allocate(byteCount);
            Assert.That(Find(block)!.Value.BlockByteCount, Is.EqualTo(byteCount));
            Free(block);
        }

        Assert.That(RecordTable.Counters.LiveBlocks, Is.EqualTo(before.LiveBlocks));
    }

    [TestCaseSource(nameof(s_unusual))]
    public void WhatIsUnusualIsNeverMachineCodesAlone(Unusual unusual)
    {
        RecordCounters before = RecordTable.Counters;
        List<PairCalls> usual = [], unusuals = [];
        RunPairs(unusual, usual, unusuals, () => usual.Exists(calls => calls is { OfMalloc: 0, OfFree: 0 }));
        Assert.That(usual, Has.Some.Matches<PairCalls>(calls => calls is { OfMalloc: 0, OfFree: 0 }),
            "without the case, pairs must be machine code's");
        Assert.That(unusuals, Has.All.Matches<PairCalls>(calls => (calls.OfMalloc > 0 || !unusual.IsMalloc)
            && (calls.OfFree > 0 || !unusual.IsFree) && calls.IsRecorded == unusual.IsRecorded));
        Assert.That(RecordTable.Counters.LiveBlocks, Is.EqualTo(before.LiveBlocks));
    }

    // The test above sees what it is for: without a check, its case is taken for the usual one.
    [TestCase("in a scope", new byte[] { 0x83, 0x38, 0x00 }, true, TestName = "Control_WithoutItsCheckAScopeIsNotSeen")]
    [TestCase("with a closed gate", new byte[] { 0x48, 0x83, 0x39, 0x00 }, true,
        TestName = "Control_WithoutItsCheckAClosedGateIsNotSeen")]
    [TestCase("large", new byte[] { 0x48, 0x81, 0xFF, 0x00, 0x80, 0x00, 0x00 }, true,
        TestName = "Control_WithoutItsCheckALargeBlockIsNotSeen")]
    [TestCase("with a hint", new byte[] { 0x83, 0xF9, 0x01 }, false, TestName = "Control_WithoutItsCheckAHintIsNotSeen")]
    public void Control(string name, byte[] check, bool isMalloc)
    {
        s_malloc = isMalloc ? HookCode.MallocWithout(check) : s_malloc;
        s_free = isMalloc ? s_free : HookCode.FreeWithout(check);
        List<PairCalls> usual = [], unusuals = [];
        bool IsTaken() => unusuals.Exists(calls => (isMalloc ? calls.OfMalloc : calls.OfFree) == 0);
        RunPairs(Array.Find(s_unusual, unusual => unusual.Name == name)!, usual, unusuals, IsTaken);
        Assert.That(IsTaken());
    }

    // On a thread of its own: below a test with arguments lies a method that reflection made, whose stacks are never kept.
    // Several times if need be. One thread is enough when these tests run alone; after others, blocks that they left may have the
    // slots that a thread's first blocks want.
    private static void RunPairs(Unusual unusual, List<PairCalls> usual, List<PairCalls> unusuals, Func<bool> isSeen)
    {
        for (int i = 0; i < Threads && (i == 0 || !isSeen()); i++)
        {
            RunPairs(unusual, usual, unusuals);
        }
    }

    private static void RunPairs(Unusual unusual, List<PairCalls> usual, List<PairCalls> unusuals)
        => OnAThread(() =>
        {
            for (int i = 0; i < Tries; i++)
            {
                // Every third round is the case; all are called from here, so that the stack is one.
                bool isCase = i % 3 == 2;
                PairCalls calls = Pair(isCase ? unusual : s_nothing, More(i / 3));
                (isCase ? unusuals : usual).Add(calls);
            }
        });

    private static void OnAThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        Assert.That(failure, Is.Null);
    }

    // What methods without a frame return to is compared word by word, behind the frames; here are two words more.
    [TestCase(0)]
    [TestCase(1)]
    public void AChangedWordOfTheStackIsSeen(int changed)
    {
        List<bool> same = [], different = [];
        for (int i = 0; i < Threads && !same.Contains(true); i++)
        {
            OnAThread(() => CompareWords(changed, same, different));
        }

        Assert.That(same, Has.Some.True, "with its words unchanged a stack must be known");
        Assert.That(different, Has.None.True);
    }

    // All from one line, so that the stack is one.
    private static void CompareWords(int changed, List<bool> same, List<bool> different)
    {
        ulong* words = stackalloc ulong[2];
        for (int i = 0; i < Tries; i++)
        {
            bool isCase = i % 3 == 2;
            PlantWords(words, isCase ? changed : -1);
            int calls = Calls;
            void* block = Allocate(ByteCount);
            (isCase ? different : same).Add(Calls == calls);
            Free(block);
        }
    }

    private static void PlantWords(ulong* words, int changed)
    {
        ThreadBlock* thread = ThreadBlocks.Find();
        if (thread != null)
        {
            byte* memo = (byte*)thread->Memo;
            for (int i = 0; i < 2; i++)
            {
                ulong* pair = (ulong*)(memo + WalkMemo.ByteCount) - (2 * (i + 1));
                (pair[0], pair[1], words[i]) = ((ulong)(words + i), 7, changed == i ? 8UL : 7);
            }

            *(ushort*)(memo + HookLayout.MemoWords) = 2 * 2 * sizeof(ulong);
        }
    }

    [Test]
    public void AnAddressWithoutARecordIsTheBodysAndCounted()
    {
        long unknown = RecordTable.Counters.UnknownFrees;
        int bodies = HookCode.Bodies;
        Free(CHeap.Malloc(ByteCount));
        Assert.That(HookCode.Bodies, Is.EqualTo(bodies + 1));
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown + 1));
    }

    [Test]
    public void ABlockFreedBehindOurBackIsReplacedWhenItsAddressComesBack()
    {
        int ended = 0, returned = 0;
        void* stale = null;
        for (int i = 0; i < Tries; i++)
        {
            long replaced = RecordTable.Counters.Replaced;
            int ends = HookCode.Ends;
            void* block = Allocate(ByteCount);
            // The C heap gives back what was freed last, unless the runtime took it for itself on this very thread.
            if (stale != null && block == stale)
            {
                returned++;
                Assert.That(RecordTable.Counters.Replaced, Is.EqualTo(replaced + 1));
                ended += HookCode.Ends - ends;
            }

            stale = i % 3 == 2 ? block : null;
            if (stale != null)
            {
                CHeap.Free(stale);
            }
            else
            {
                Free(block);
            }
        }

        Assert.That(returned, Is.GreaterThan(Tries / 6), "hardly any address came back");
        Assert.That(ended, Is.GreaterThan(0), "none of them began in machine code");
    }

    [Test]
    public void AnotherStackIsAnotherSite()
    {
        void* one = Allocate(ByteCount);
        void* other = AllocateFromElsewhere();
        Assert.That(Find(one)!.Value.Site, Is.Not.EqualTo(Find(other)!.Value.Site));
        Free(one);
        Free(other);
    }

    [Test]
    public void ARecordThatFoundItsPlaceTakenIsPlacedByItsEnd()
    {
        void* block = Allocate(ByteCount);
        BlockRecord before = Find(block)!.Value;
        RecordStore store = RecordTable.Store!;
        Assert.That(store.TryTake(store.Approach((nuint)block), (nuint)block, out uint entry));
        Assert.That(Find(block), Is.Null);
        Assert.That((nuint)HookCode.EndMalloc(block, ByteCount, entry), Is.EqualTo((nuint)block));
        Assert.That(Find(block), Is.EqualTo(before));
        // Counted once by the call that began and once by its end, which here are two different ones.
        Free(block);
    }

    [Test]
    public void ATakenRecordIsFreedByItsEnd()
    {
        void* block = Allocate(ByteCount);
        RecordStore store = RecordTable.Store!;
        RecordCounters before = RecordTable.Counters;
        RecentFrees.Current->InFlight = (nuint)block;
        Assert.That(store.TryTake(store.Approach((nuint)block), (nuint)block, out uint entry));
        HookCode.EndFree(block, entry, 0);
        RecordCounters after = RecordTable.Counters;
        Assert.That((after.LiveBlocks, after.UnknownFrees), Is.EqualTo((before.LiveBlocks - 1, before.UnknownFrees)));
        Assert.That(RecentFrees.Current->InFlight, Is.EqualTo((nuint)0));
        Assert.That(RecentFrees.TryFind((nuint)block, out _));
    }

    private static int Calls => HookCode.Bodies + HookCode.Ends;

    // Blocks of several sizes: the C heap gives the one that was freed last again, and that one may have a neighbour in its window.
    private static nuint More(int round) => (nuint)(round % 8) * 64;

    // From here on a pair of Allocate and Free is known where this was called from.
    private static PairCalls Pair(Unusual unusual, nuint more)
    {
        unusual.Before();
        int start = Calls;
        void* block = Allocate(unusual.ByteCount + more);
        int allocated = Calls;
        unusual.After();
        bool isRecorded = Find(block) is not null;
        unusual.BeforeFree((nint)block);
        int freeing = Calls;
        Free(block);
        PairCalls calls = new(allocated - start, Calls - freeing, isRecorded);
        unusual.AfterFree();
        return calls;
    }

    private static BlockRecord? Find(void* block)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found))
        {
            using (found)
            {
                return found.Record;
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Allocate(nuint byteCount) => s_malloc(byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocateFromElsewhere() => s_malloc(ByteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Free(void* block) => s_free(block);
}
