// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.NativeHeap.Tests.Misuse;

namespace NativeLeak.NativeHeap.Tests.Annotations;

/// <summary>Hints on blocks of the process's own table. Addresses are numbers: no hint reads a block.</summary>
[TestFixture]
internal sealed unsafe class LeakHintsTests
{
    private static long s_next = 0x0000_1234_0000_0000;

    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [Test]
    public void EveryHintKnowsABlockFromNone()
    {
        void* block = Record(64);
        Func<nuint, bool>[] hints =
        [
            static p => LeakHints.NotLeak((void*)p), static p => LeakHints.Ignore((void*)p), static p => LeakHints.NoScan((void*)p),
            static p => LeakHints.ScanArea((void*)p, 8, 8), static p => LeakHints.DecodePointers((void*)p, PointerDecoder.Xor(1)),
            static p => LeakHints.TransientLeak((void*)p), static p => LeakHints.UpdateSite((void*)p),
            static p => LeakHints.MinimumReferences((void*)p, 2), static p => LeakHints.MinimumReferences((void*)p, 0),
            static p => LeakHints.Tag((void*)p, "tag"),
        ];
        foreach (Func<nuint, bool> hint in hints)
        {
            Assert.That(hint((nuint)block));
            Assert.That(hint(0), Is.False, "null");
            Assert.That(hint((nuint)block + 16), Is.False, "inside");
            Assert.That(hint((nuint)block + 64), Is.False, "behind");
        }

        Free(block);
        foreach (Func<nuint, bool> hint in hints)
        {
            Assert.That(hint((nuint)block), Is.False, "freed");
        }

        Assert.That(LeakHints.Detach(block), Is.False);
        Assert.That(LeakHints.FreePart(block, 8), Is.False);
    }

    [Test]
    public void NumbersThatAreNobodysAddressesAreHarmless(
        [Values(1ul, 7ul, 8ul, 1ul << 46, (1ul << 47) - 1, 1ul << 47, 1ul << 63, ulong.MaxValue - 8, ulong.MaxValue)] ulong number)
    {
        void* p = (void*)number;
        nint erased = (nint)number;
        Assert.That(LeakHints.Tag(p, "tag") | LeakHints.Ignore(p) | LeakHints.NoScan(p) | LeakHints.FreePart(p, 8)
            | LeakHints.FreePart(p, nuint.MaxValue) | LeakHints.Detach(p) | LeakHints.UpdateSite(p) | LeakHints.Erase(ref erased), Is.False);
        Assert.That(LeakHints.Adopt(p, nuint.MaxValue - (nuint)number, "free"), Is.EqualTo(IsRecorded((nuint)number)));
        LeakHints.Detach(p);
        using BlockPool pool = BlockPool.Create(p, nuint.MaxValue - (nuint)number);
        bool isTaken = pool.Alloc(p, 1) && IsRecorded((nuint)number);
        Assert.That(pool.Free(p), Is.EqualTo(isTaken));
        Assert.That(pool.Trim(p, nuint.MaxValue));
    }

    [Test]
    public void ABlockAtTheSameAddressInheritsNothing()
    {
        void* block = Record(64);
        LeakHints.Ignore(block);
        LeakHints.Tag(block, "the first");
        LeakHints.NoScan(block);
        LeakHints.ScanArea(block, 0, 8);
        ulong ordinal = Read(block).Ordinal;
        Assert.That(CountNotes(block, ordinal), Is.EqualTo(3));
        Free(block);
        Assert.That(CountNotes(block, ordinal), Is.Zero, "the free took them along");
        RecordTable.Insert((nuint)block, 64, AllocationApi.Unknown, BlockFlags.None, 0);
        Assert.That(Read(block).Flags, Is.EqualTo(BlockFlags.None));
        Free(block);
    }

    [Test]
    public void AReallocationThatFailsKeepsHintsAndOneThatSucceedsDropsThem()
    {
        void* block = Record(64);
        LeakHints.NoScan(block);
        ulong ordinal = Read(block).Ordinal;
        Frees.End(Frees.Begin((nuint)block), (nuint)block, 0, 128);
        Assert.That((Read(block).Ordinal, CountNotes(block, ordinal)), Is.EqualTo((ordinal, 1)));
        Frees.End(Frees.Begin((nuint)block), (nuint)block, (nuint)block, 128);
        Assert.That(CountNotes(block, ordinal), Is.Zero);
        Assert.That(Read(block).Flags, Is.EqualTo(BlockFlags.None));
        Free(block);
    }

    [Test]
    public void AScanAreaMustLieInTheBlock()
    {
        void* block = Record(64);
        Assert.That(LeakHints.ScanArea(block, 64, 0));
        Assert.That(LeakHints.ScanArea(block, 0, 65), Is.False);
        Assert.That(LeakHints.ScanArea(block, 65, 0), Is.False);
        Assert.That(LeakHints.ScanArea(block, 8, nuint.MaxValue), Is.False);
        Assert.That(LeakHints.ScanArea(block, nuint.MaxValue, 8), Is.False);
        Free(block);
    }

    [Test]
    public void TheLaterOfNotLeakAndIgnoreHoldsAndOneReferenceIsTheRuleAgain()
    {
        void* block = Record(64);
        LeakHints.Ignore(block);
        LeakHints.NotLeak(block);
        Assert.That(Read(block).Flags, Is.EqualTo(BlockFlags.NotLeak));
        LeakHints.Ignore(block);
        Assert.That(Read(block).Flags, Is.EqualTo(BlockFlags.Ignored));
        LeakHints.MinimumReferences(block, 0);
        LeakHints.MinimumReferences(block, 1);
        Assert.That(Read(block).Flags & BlockFlags.NotLeak, Is.EqualTo(BlockFlags.None));
        Assert.Throws<ArgumentOutOfRangeException>(() => LeakHints.MinimumReferences(block, -1));
        Free(block);
    }

    [Test]
    public void EraseClearsTheVariableWhateverItHoldsAndTellsWhetherItWasABlock()
    {
        void* block = Record(64);
        nint number = (nint)block + 40;
        Assert.That(LeakHints.Erase(ref number));
        Assert.That(number == 0);
        void* pointer = block;
        Assert.That(LeakHints.Erase(ref pointer));
        Assert.That(pointer == null);
        number = 12345;
        Assert.That(LeakHints.Erase(ref number), Is.False);
        Assert.That(number == 0);
        Free(block);
    }

    [Test]
    public void APointerBehindABstrsPrefixNamesItsBlock()
    {
        nuint block = NextAddress();
        RecordTable.Insert(block, 64, AllocationApi.MarshalStringToBSTR, BlockFlags.BstrPrefixed, 0);
        Assert.That(LeakHints.Ignore((void*)(block + 8)));
        Assert.That(LeakHints.ScanArea((void*)(block + 8), 48, 8));
        Assert.That(LeakHints.ScanArea((void*)(block + 8), 48, 9), Is.False, "the prefix counts");
        Assert.That(LeakHints.Detach((void*)(block + 8)));
        Assert.That(IsRecorded(block), Is.False);
    }

    [Test]
    public void APartThatIsFreedLeavesOneTwoOrNoBlocks()
    {
        nuint block = (nuint)Record(96);
        LeakHints.NotLeak((void*)block);
        Assert.That(LeakHints.FreePart((void*)(block + 32), 32));
        Assert.That((Read((void*)block).BlockByteCount, Read((void*)(block + 64)).BlockByteCount), Is.EqualTo(((nuint)32, (nuint)32)));
        Assert.That(Read((void*)(block + 64)).Flags, Is.EqualTo(BlockFlags.NotLeak));
        Assert.That(LeakHints.FreePart((void*)block, 16), "the head of what is left before");
        Assert.That((IsRecorded(block), Read((void*)(block + 16)).BlockByteCount), Is.EqualTo((false, (nuint)16)));
        Assert.That(LeakHints.FreePart((void*)(block + 64), 1000), "all of what is left behind, and no more");
        Assert.That(IsRecorded(block + 64), Is.False);
        Assert.That(LeakHints.FreePart((void*)(block + 16), 0), "nothing");
        Assert.That(IsRecorded(block + 16));
        Free((void*)(block + 16));
    }

    [Test]
    public void AnAdoptedBlockIsRecordedUnlessItOverlapsAnother()
    {
        nuint start = NextAddress();
        Assert.That(LeakHints.Adopt((void*)start, 48, "its_free"));
        BlockRecord record = Read((void*)start);
        Assert.That((record.Api, record.BlockByteCount), Is.EqualTo((AllocationApi.LeakHintsAdopt, (nuint)48)));
        Assert.That(SiteDepot.GetStack(record.Site)!.Frames[0].Method!.Name,
            Is.EqualTo(nameof(AnAdoptedBlockIsRecordedUnlessItOverlapsAnother)));
        long before = BlockHints.Overlaps;
        Assert.That(LeakHints.Adopt((void*)start, 48, null), Is.False, "the same");
        Assert.That(LeakHints.Adopt((void*)(start + 32), 48, null), Is.False, "its end");
        Assert.That(LeakHints.Adopt((void*)(start - 16), 48, null), Is.False, "its start");
        Assert.That(BlockHints.Overlaps - before, Is.EqualTo(3));
        Assert.That(LeakHints.Adopt((void*)(start - 16), 16, null), "right before");
        Assert.That(LeakHints.Adopt(null, 16, null), Is.False);
        Assert.That(LeakHints.Adopt((void*)start, nuint.MaxValue, null), Is.False);
        Assert.That(LeakHints.Detach((void*)start) && LeakHints.Detach((void*)(start - 16)));
        Assert.That(LeakHints.Detach((void*)start), Is.False);
    }

    [Test]
    public void ThreadScopesNestAndFlowingOnesFollowTheExecutionContext()
    {
        Assert.That(ScopeState.IsDisabled, Is.False);
        ScopeState.LeaveOnThread();
        Assert.That((ScopeState.IsDisabled, DetectorThread.IsPlain), Is.EqualTo((false, true)), "one end too many");
        Assert.That(ScopeState.EnterOnThread() && ScopeState.EnterOnThread());
        ScopeState.LeaveOnThread();
        Assert.That((ScopeState.IsDisabled, DetectorThread.IsInside), Is.EqualTo((true, false)));
        ScopeState.LeaveOnThread();
        Assert.That(DetectorThread.IsPlain);

        FlowingScope outer = FlowingScope.Begin(check: 0);
        FlowingScope inner = FlowingScope.Begin(check: 0);
        Assert.That(Task.Run(static () => ScopeState.IsDisabled).Result, Is.True, "flows");
        using (ExecutionContext.SuppressFlow())
        {
            Assert.That(Task.Run(static () => ScopeState.IsDisabled).Result, Is.False, "only with the context");
        }

        outer.End();
        Assert.That(ScopeState.IsDisabled, "out of turn: the inner one holds");
        inner.End();
        inner.End();
        Assert.That(DetectorThread.IsPlain);
    }

    [Test]
    public void ChecksKnowWhichIsInsideWhich()
    {
        uint outer = CheckScopes.Open();
        FlowingScope scope = FlowingScope.Begin(outer);
        uint inner = CheckScopes.Open();
        scope.End();
        uint beside = CheckScopes.Open();
        Assert.That(CheckScopes.IsWithin(inner, outer) && CheckScopes.IsWithin(inner, inner));
        Assert.That(CheckScopes.IsWithin(outer, inner) || CheckScopes.IsWithin(beside, outer) || CheckScopes.IsWithin(0, 0), Is.False);
    }

    private static nuint NextAddress() => (nuint)Interlocked.Add(ref s_next, 0x1000);

    private static void* Record(nuint byteCount)
    {
        nuint address = NextAddress();
        Assert.That(RecordTable.Insert(address, byteCount, AllocationApi.Unknown, BlockFlags.None, 0));
        return (void*)address;
    }

    private static void Free(void* block) => Frees.Take((nuint)block);

    private static bool IsRecorded(nuint address)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        bool isFound = RecordTable.TryFind(in guard, address, out RecordHandle found);
        found.Dispose();
        return isFound;
    }

    private static BlockRecord Read(void* block)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        Assert.That(RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found));
        using RecordHandle handle = found;
        return handle.Record;
    }

    private static int CountNotes(void* block, ulong ordinal)
        => Enum.GetValues<AnnotationKind>().Count(kind
            => BlockHints.Table!.TryGet((nuint)block, ordinal, kind, out _, out _));
}
