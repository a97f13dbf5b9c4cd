// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class ReportBuilderTests
{
    private static readonly MethodBase s_one = Here(nameof(BlocksOfOneSiteAndKindAreOneGroup));
    private static readonly MethodBase s_two = Here(nameof(DefiniteComesFirstThenIndirectThenPossibleEachByBytes));
    private static readonly MethodBase s_allocate = typeof(NativeMemory).GetMethod("Alloc", [typeof(nuint)])!;
    private static readonly MethodBase s_global = typeof(Marshal).GetMethod("AllocHGlobal", [typeof(nint)])!;

    [Test]
    public void BlocksOfOneSiteAndKindAreOneGroup()
    {
        FakeFacts facts = new() { Sites = { [2] = [new CallFrame(s_one, 50)] } };
        LostBlock leader = Lost.Block(2, Verdict.Definite, 100, birth: 80, thread: 4, ordinal: 7, content: "AB");
        leader.IndirectBlocks = 3;
        leader.IndirectBytes = 30;
        LeakReport report = Build(facts, leader, Lost.Block(2, Verdict.Definite, 50, birth: 95, thread: 2));
        LeakGroup group = report.Leaks.Single();
        Assert.Multiple(() =>
        {
            Assert.That(group.Kind, Is.EqualTo(LeakKind.Definite));
            Assert.That(group.Total, Is.EqualTo(new BlockTotal(2, 150)));
            Assert.That(group.Indirect, Is.EqualTo(new BlockTotal(3, 30)));
            Assert.That(group.FirstAge.TotalSeconds, Is.EqualTo(20));
            Assert.That(group.LastAge.TotalSeconds, Is.EqualTo(5));
            Assert.That(group.Threads, Is.EqualTo(new[] { "thread 2", "thread 4" }));
            Assert.That(group.Evidence, Does.Contain("1000 bytes of roots").And.Contain("200 bytes"));
            Assert.That(group.Stack.Single().Method, Does.EndWith("Tests.BlocksOfOneSiteAndKindAreOneGroup()"));
            Assert.That(group.Stack.Single().Line, Is.GreaterThan(0));
            Assert.That(group.Samples, Has.Count.EqualTo(2));
            Assert.That(group.Samples[0].Address, Is.EqualTo((nuint)0x7000));
            LeakSample sample = group.Samples[0];
            Assert.That((sample.ByteCount, sample.Ordinal, sample.Hex), Is.EqualTo((100, (80L << 19) + 7, "4142")));
            Assert.That(report.IsConclusive && report.HasLeaks);
        });
    }

    [Test]
    public void DefiniteComesFirstThenIndirectThenPossibleEachByBytes()
    {
        FakeFacts facts = new() { Sites = { [2] = [new CallFrame(s_one, 5)], [3] = [new CallFrame(s_two, 5)] } };
        LeakReport report = Build(
            facts,
            Lost.Block(2, Verdict.Possible, 900),
            Lost.Block(2, Verdict.Indirect, 800),
            Lost.Block(2, Verdict.Definite, 10),
            Lost.Block(3, Verdict.Definite, 20),
            Lost.Block(3, Verdict.Young, 5));
        Assert.That(
            report.Leaks.Select(static group => (group.Kind, group.Total.Bytes)),
            Is.EqualTo(new[]
            {
                (LeakKind.Definite, 20L), (LeakKind.Definite, 10), (LeakKind.Indirect, 800), (LeakKind.Possible, 900),
            }));
        Assert.That(report.Totals.Leaked, Is.EqualTo(new BlockTotal(4, 1730)), "a young block is no leak");
    }

    [Test]
    public void SitesThatDifferOnlyByHowTheyWereCompiledAreOne()
    {
        FakeFacts facts = new()
        {
            Sites =
            {
                [2] = [new CallFrame(s_allocate, 3), new CallFrame(s_global, 9), new CallFrame(s_one, 0, 0x1000)],
                [3] = [new CallFrame(s_global, 4), new CallFrame(s_one, 0, 0x2000)],
                [4] = [new CallFrame(s_global, 4), new CallFrame(s_one, 1, 0x2000)],
            },
        };
        LeakReport report = Build(
            facts,
            Lost.Block(2, Verdict.Definite, 1),
            Lost.Block(3, Verdict.Definite, 1),
            Lost.Block(4, Verdict.Definite, 1));
        Assert.That(report.Leaks.Select(static group => group.Total.Blocks), Is.EqualTo(new[] { 2, 1 }));
        Assert.That(report.Leaks.Select(static group => group.Allocator), Is.All.EqualTo("Marshal.AllocHGlobal"));
    }

    [Test]
    public void WhatTheLimitCutsOffIsCounted()
    {
        FakeFacts facts = new();
        LostBlock[] blocks = new LostBlock[1024];
        for (uint site = 0; site < blocks.Length; site++)
        {
            facts.Sites[site] = [new CallFrame(s_one, (int)site)];
            blocks[site] = Lost.Block(site, Verdict.Definite, 8);
        }

        LeakReport report = Build(facts, FakeOutcome.Of(blocks), maximumGroups: 100);
        Assert.Multiple(() =>
        {
            Assert.That(report.Leaks, Has.Count.EqualTo(100));
            Assert.That(report.OmittedGroups, Is.EqualTo(924));
            Assert.That(report.Omitted, Is.EqualTo(new BlockTotal(924, 924 * 8)));
            Assert.That(report.Coverage.Warnings, Has.One.Contains("924 more group(s), 7392 byte(s)"));
            Assert.That(report.Totals.Definite.Blocks, Is.EqualTo(1024), "totals are never cut");
            Assert.That(Build(facts, FakeOutcome.Of(blocks), maximumGroups: 0).Leaks, Has.Count.EqualTo(1024));
        });
    }

    [Test]
    public void APossibleLeakTellsWhereItsInteriorPointerIs()
    {
        LostBlock block = Lost.Block(9, Verdict.Possible, 64, address: 0x5000);
        (block.HolderAddress, block.HolderValue) = (0xABC0, 0x5010);
        Assert.That(Build(new FakeFacts(), block).Leaks[0].Evidence, Does.Contain("start + 16").And.Contain("0xabc0"));
    }

    [Test]
    public void TheAddressOfABstrIsTheOneTheCallerHas()
    {
        LostBlock block = Lost.Block(9, Verdict.Definite, 64, address: 0x5000, flags: BlockFlags.BstrPrefixed);
        Assert.That(Build(new FakeFacts(), block).Leaks[0].Samples[0].Address, Is.EqualTo((nuint)0x5008));
    }

    [Test]
    public void AGapInTheScanMakesTheReportInconclusiveAndIsASentence(
        [Values(ScanWarning.ThreadsNotParked, ScanWarning.LiveMemoryUnread, ScanWarning.TableOverflow,
            ScanWarning.MemoryUnreadable, ScanWarning.MappingsUnreadable)] ScanWarning warning)
    {
        LeakReport report = Build(new FakeFacts(), FakeOutcome.Of(SnapshotStatus.Completed, warning));
        Assert.That(report.IsConclusive, Is.False);
        Assert.That(report.Coverage.Warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void AConservativeHeapIsSaidButProvesNothingWrong()
    {
        LeakReport report = Build(
            new FakeFacts(), FakeOutcome.Of(SnapshotStatus.Completed, ScanWarning.ManagedHeapConservative));
        Assert.That(report.IsConclusive, Is.True);
        Assert.That(report.Coverage.ManagedHeap, Is.EqualTo("conservative"));
        Assert.That(report.Coverage.ManagedHeapReason, Does.Contain("no memory"));
        Assert.That(report.Coverage.Warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void AScanThatWasNotPossibleSaysWhy(
        [Values(SnapshotStatus.CloneRefused, SnapshotStatus.ChildDied, SnapshotStatus.ChildSilent,
            SnapshotStatus.ParkingUnavailable)] SnapshotStatus status)
    {
        LeakReport report = Build(new FakeFacts(), FakeOutcome.Of(status, ScanWarning.None));
        Assert.That(report.IsConclusive, Is.False);
        Assert.That(report.Coverage.Mode, Is.EqualTo("none"));
        Assert.That(report.Coverage.Warnings, Has.Count.EqualTo(1).And.One.StartsWith("no scan: "));
    }

    [Test]
    public void AMethodThatCouldNotBeHeldIsShownByName()
    {
        FakeFacts facts = new()
        {
            Sites =
            {
                [2] = [new CallFrame(null, 3, 0, "Plugin.Type.Method", "Plugin"), new CallFrame(null, -1, 0xABC)],
            },
        };
        IReadOnlyList<LeakFrame> stack = Build(facts, Lost.Block(2, Verdict.Definite, 1)).Leaks[0].Stack;
        Assert.That(stack[0], Is.EqualTo(new LeakFrame("Plugin.Type.Method", "Plugin", null, 0, false, false)));
        Assert.That(stack[1].IsNative && stack[1].Method.Contains("0xabc", StringComparison.Ordinal));
    }

    [Test]
    public void WarningsOfRecorderAndOptionsAreInTheReport()
    {
        FakeFacts facts = new() { Warnings = ["from the recorder"] };
        ReportRequest request = Request(0) with { Warnings = ["from the options"] };
        LeakReport report = new ReportBuilder(facts).Build(FakeOutcome.Of(), request);
        Assert.That(report.Coverage.Warnings, Is.EqualTo(new[] { "from the recorder", "from the options" }));
    }

    private static LeakReport Build(FakeFacts facts, params LostBlock[] lost)
        => Build(facts, FakeOutcome.Of(lost), 100);

    private static LeakReport Build(FakeFacts facts, ScanOutcome outcome, int maximumGroups = 100)
        => new ReportBuilder(facts).Build(outcome, Request(maximumGroups));

    private static ReportRequest Request(int maximumGroups) => new(
        ReportReason.Api, new ScanParameters(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000), maximumGroups, 3, []);

    private static MethodInfo Here(string name) => typeof(ReportBuilderTests).GetMethod(name)!;
}
