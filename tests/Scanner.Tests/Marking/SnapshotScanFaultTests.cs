// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Scans of the process that runs this suite whose children hang or die: what the report says then.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class SnapshotScanFaultTests
{
    private const int HeldByteCount = 1901, LostByteCount = 1933;
    private static readonly ScanParameters s_parameters = new(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000);

    private static nuint s_pages;
    private static nuint s_hidden;
    private static nint s_holder;

    // In the middle of pages that nobody has used: no stale pointer of the runtime's own leads there.
    [OneTimeSetUp]
    public void Plant()
    {
        const nuint ByteCount = 1 << 26;
        AllocationRecorder.Start(16);
        s_pages = (nuint)RawSyscall.Invoke(SyscallNumber.Mmap, 0, (nint)ByteCount, 3, 0x4022, -1);
        Thread planter = new(static () =>
        {
            nuint held = s_pages + (ByteCount / 2) + 4096, lost = held + 4096;
            RecordTable.Insert(held, HeldByteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 0);
            RecordTable.Insert(lost, LostByteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, 0);
            s_holder = (nint)held;
            s_hidden = ~lost;
        });
        planter.Start();
        planter.Join();
        s_pages = ~s_pages;
    }

    [OneTimeTearDown]
    public void Remove()
    {
        Assert.That(RecordTable.TryRemove((nuint)s_holder, out _) && RecordTable.TryRemove(~s_hidden, out _));
        s_holder = 0;
        RawSyscall.Invoke(SyscallNumber.Munmap, (nint)~s_pages, 1 << 26);
    }

    [TestCase(ChildFault.Hang, "fell silent in each of 3 attempts (stage 77)")]
    [TestCase(ChildFault.Die, "died in each of 3 attempts (stage 77); wait status 0xb")]
    public void WhatAChildLeftBehindThatCameToGriefIsNotBelieved(ChildFault fault, string reason)
    {
        LeakReport report = Scan(new FaultyEngine(fault));
        Assert.Multiple(() =>
        {
            Assert.That(report.IsConclusive, Is.False);
            Assert.That(report.Coverage.Warnings, Has.One.Contains(reason));
            Assert.That(report.Coverage.Mode, Is.EqualTo("none"));
            Assert.That(report.Leaks, Is.Empty);
            Assert.That(report.Totals.Definite.Blocks, Is.Zero);
            Assert.That(report.Totals.Live.Blocks, Is.Zero);
        });
    }

    [TestCase(ChildFault.DieOnce, 2)]
    [TestCase(ChildFault.DieTwice, 3)]
    public void TheSecondAndTheThirdChildReadInOtherWaysAndFindTheSame(ChildFault fault, int attempts)
    {
        FaultyEngine engine = new(fault);
        LeakReport report = Scan(engine);
        long[] sizes = [.. report.Leaks.SelectMany(static leak => leak.Samples).Select(static sample => sample.ByteCount)];
        Assert.Multiple(() =>
        {
            Assert.That(engine.Last.Attempts, Is.EqualTo(attempts), engine.Last.ToString());
            Assert.That(report.IsConclusive, Is.True, string.Join('\n', report.Coverage.Warnings));
            Assert.That(sizes, Does.Contain(LostByteCount).And.Not.Contain(HeldByteCount));
        });
    }

    [Test]
    public void AfterAChildThatDiedLaterScansBeginWithTheSecondWayOfReading()
    {
        FaultyEngine engine = new(ChildFault.DieOnce);
        SnapshotScan? scan = null;
        Scan(engine, ref scan);
        Assert.That(engine.Last.Attempts, Is.EqualTo(2));
        LeakReport again = Scan(engine, ref scan);
        Assert.That(engine.Last.Attempts, Is.EqualTo(1), engine.Last.ToString());
        Assert.That(again.IsConclusive, Is.True);
    }

    private static LeakReport Scan(ISnapshotEngine engine)
    {
        SnapshotScan? scan = null;
        return Scan(engine, ref scan);
    }

    private static LeakReport Scan(ISnapshotEngine engine, ref SnapshotScan? scan)
    {
        ChildCode.PrepareAll(typeof(FaultyEngine).Assembly);
        SnapshotScan? made = scan;
        LeakReport? report = null;
        Thread scanner = new(() =>
        {
            made ??= new SnapshotScan(engine);
            using ScanOutcome outcome = made.Run(s_parameters);
            report = new ReportBuilder(new FakeFacts()).Build(outcome, new ReportRequest(ReportReason.Api, s_parameters, 0, 1000, []));
        });
        scanner.Start();
        scanner.Join();
        scan = made;
        return report!;
    }
}
