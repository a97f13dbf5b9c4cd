// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Text.Json;
using NativeLeak.ExitApps;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;
using NativeLeak.Reporting.Formats;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Suppressing;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Suppressing;

/// <summary>What suppressions do to a report.</summary>
[TestFixture]
internal sealed class SuppressedReportTests
{
    private const string Here = nameof(SuppressedReportTests);

    private static readonly FakeFacts s_facts = new()
    {
        Sites =
        {
            [2] = [Frame(nameof(Inner)), Frame(nameof(Middle)), Frame(nameof(Outer))],
            [3] = [Frame(nameof(Other)), Frame(nameof(Outer))],
            [4] = [Frame(nameof(Marked)), Frame(nameof(Outer))],
            [5] = [new CallFrame(typeof(MarkedType).GetMethod(nameof(MarkedType.Make))!, 5)],
            [6] = [new CallFrame(typeof(MarkedAsync).GetNestedTypes(BindingFlags.NonPublic).Single()
                .GetMethod("MoveNext", BindingFlags.Instance | BindingFlags.NonPublic)!, 5)],
        },
    };

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("leak:" + nameof(Middle), 1)]
    [TestCase("leak:" + nameof(Outer), 2)]
    [TestCase("leak:" + nameof(Inner) + " ... " + nameof(Outer), 1)]
    [TestCase("leak:" + nameof(Outer) + " ... " + nameof(Inner), 0)]
    [TestCase("leak:NativeLeak.Scanner.Tests!", 2)]
    [TestCase("leak:Native*Tests!" + nameof(Other), 1)]
    [TestCase("leak:Scanner!" + nameof(Other), 0)]
    [TestCase("leak:" + nameof(Outer) + " where size=200", 1)]
    [TestCase("leak:" + nameof(Outer) + " where kind=possible", 0)]
    [TestCase("leak:" + nameof(Outer) + " where allocator=Marshal.*", 0)]
    [TestCase("leak:" + nameof(Outer) + " where tag=x", 0)]
    [TestCase("leak:" + nameof(Outer) + " where count=2", 2)]
    [TestCase("leak:" + nameof(Outer) + " where count=1", 0)]
    [TestCase("leak:" + nameof(Outer) + " where until=2026-01-02", 2)]
    [TestCase("leak:" + nameof(Outer) + " where until=2026-01-01", 0)]
    public void ASuppressionHidesWhatItFitsAndNothingElse(string line, int hidden)
    {
        LeakReport report = Build(line, Lost.Block(2, Verdict.Definite, 100), Lost.Block(3, Verdict.Definite, 200));
        Assert.Multiple(() =>
        {
            Assert.That(report.Totals.Suppressed.Blocks, Is.EqualTo(hidden));
            Assert.That(report.Totals.Definite.Blocks, Is.EqualTo(2 - hidden));
            Assert.That(report.Leaks, Has.Count.EqualTo(2 - hidden));
            Assert.That(report.Suppressions.Sum(static each => each.Hidden.Blocks), Is.EqualTo(hidden));
        });
    }

    [Test]
    public void TheFirstThatFitsCountsAndThoseWithoutALeakAreListed()
    {
        LeakReport report = Build("leak:Nothing\nleak:" + nameof(Outer) + "\nleak:" + nameof(Inner), Lost.Block(2, Verdict.Definite, 100));
        Assert.That(report.Suppressions.Select(static each => each.Hidden.Blocks), Is.EqualTo(new[] { 0L, 1, 0 }));
        string text = report.ToText(verbosity: 1);
        Assert.That(text, Does.Contain("suppressed 100 byte(s) in 1 block(s) by " + nameof(Outer) + " (" + _folder + "/s:2)")
            .And.Contain("suppression without a leak: Nothing ("));
        Assert.That(report.ToText(), Does.Not.Contain("without a leak"));
    }

    [Test]
    public void WhatOneMayNotHideAnyMoreAnotherMay()
    {
        LeakReport report = Build("leak:" + nameof(Outer) + " where count=1\nleak:" + nameof(Other),
            Lost.Block(2, Verdict.Definite, 100), Lost.Block(3, Verdict.Definite, 200));
        Assert.That(report.Leaks.Single().Total.Bytes, Is.EqualTo(100));
        Assert.That(report.Coverage.Warnings.Single(), Does.Contain("/s:1: 2 blocks fit").And.Contain("count of 1"));
    }

    [Test]
    public void WhatHangsFromASuppressedBlockIsSuppressedWithIt()
    {
        LostBlock head = Lost.Block(3, Verdict.Definite, 8), child = Lost.Block(2, Verdict.Indirect, 16), stranger = Lost.Block(2, Verdict.Indirect, 32);
        LostBlock otherHead = Lost.Block(2, Verdict.Definite, 64);
        (head.Leader, child.Leader, otherHead.Leader, stranger.Leader) = (0, 0, 2, 2);
        LeakReport report = Build("leak:" + nameof(Other), head, child, otherHead, stranger);
        Assert.Multiple(() =>
        {
            Assert.That(report.Totals.Suppressed, Is.EqualTo(new BlockTotal(2, 24)));
            Assert.That(report.Totals.Indirect, Is.EqualTo(new BlockTotal(1, 32)));
            Assert.That(report.Suppressions.Single().Hidden, Is.EqualTo(new BlockTotal(2, 24)));
            Assert.That(report.Leaks.Select(static group => group.Total.Bytes), Is.EqualTo(new[] { 64L, 32 }));
        });
    }

    [TestCase(4u, nameof(Marked))]
    [TestCase(5u, nameof(MarkedType))]
    [TestCase(6u, nameof(MarkedAsync))]
    public void AnAttributeOnAMethodOrItsTypeHidesWhatItAllocates(uint site, string member)
    {
        LeakReport report = Build("", Lost.Block(site, Verdict.Definite, 100), Lost.Block(3, Verdict.Definite, 200));
        Assert.That(report.Leaks.Single().Total.Bytes, Is.EqualTo(200));
        Assert.That(report.Suppressions.Single().Source, Does.StartWith("attribute on ").And.Contain(member));
    }

    // A leak shows the line that hides it and nothing else.
    [Test]
    public void TheLineThatIsGeneratedHidesThatLeak()
    {
        LostBlock[] lost = [Lost.Block(2, Verdict.Definite, 100), Lost.Block(2, Verdict.Possible, 50), Lost.Block(3, Verdict.Definite, 200)];
        LeakReport all = Build("", lost);
        foreach (LeakGroup group in all.Leaks)
        {
            string line = SuppressionGenerator.Write(group)!;
            Assert.That(TextReportWriter.Write(all, new TextStyle(0, GeneratesSuppressions: true)), Does.Contain("\n" + line + "\n"));
            LeakReport less = Build(line, lost);
            Assert.That(less.Leaks.Select(static each => (each.Fingerprint, each.Kind)),
                Is.EquivalentTo(all.Leaks.Where(each => each != group).Select(static each => (each.Fingerprint, each.Kind))), line);
        }
    }

    [Test]
    public void TheJsonListsThem()
    {
        using JsonDocument json = JsonDocument.Parse(Build("leak:" + nameof(Other), Lost.Block(3, Verdict.Definite, 200)).ToJson());
        JsonElement row = json.RootElement.GetProperty("suppressions")[0];
        Assert.That((row.GetProperty("name").GetString(), row.GetProperty("blocks").GetInt64(), row.GetProperty("bytes").GetInt64()),
            Is.EqualTo((nameof(Other), 1L, 200L)));
        Assert.That(json.RootElement.GetProperty("totals").GetProperty("suppressed").GetProperty("bytes").GetInt64(), Is.EqualTo(200));
    }

    [Test]
    public void ABadFileIsAWarningOfTheReport()
        => Assert.That(Build("nonsense", Lost.Block(3, Verdict.Definite, 200)).Coverage.Warnings.Single(), Does.Contain("/s:1: a line is leak:"));

    private LeakReport Build(string suppressions, params LostBlock[] lost)
    {
        File.WriteAllText(_folder + "/s", suppressions);
        ReportRequest request = new(
            ReportReason.Api, new ScanParameters(TimeSpan.Zero, ManagedHeapMode.Trace, false, 1000), 100, 3, [])
        {
            Suppressions = _folder + "/s",
        };
        return new ReportBuilder(s_facts).Build(FakeOutcome.Of(lost), request);
    }

    private static CallFrame Frame(string method)
        => new(typeof(SuppressedReportTests).GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!, 5);

    // Only their names and attributes matter.
    private static void Inner() => Assert.Fail(Here);

    private static void Middle() => Assert.Fail(Here);

    private static void Outer() => Assert.Fail(Here);

    private static void Other() => Assert.Fail(Here);

    [SuppressNativeLeak("a test")]
    private static void Marked() => Assert.Fail(Here);

    [SuppressNativeLeak("a test")]
    private static class MarkedType
    {
        public static void Make() => Assert.Fail(Here);
    }

    private static class MarkedAsync
    {
        [SuppressNativeLeak("a test")]
        public static async Task RunAsync() => await Task.Yield();
    }
}
