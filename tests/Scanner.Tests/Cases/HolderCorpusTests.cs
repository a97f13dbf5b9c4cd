// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using LeakCases;
using LeakCases.Corpus;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>
/// The figure "27 kinds of managed holder": how many of the blocks whose holder was dropped a scan finds, and that it calls
/// none lost whose holder was kept.
/// </summary>
[TestFixture]
internal sealed class HolderCorpusTests
{
    private const string Program = "NativeLeak.LeakCases";

    // Tracing takes an object that waits for its finalizer, or that a weak reference still knows, for alive: the kinds
    // that only a collection decides.
    private static readonly string[] s_decidedByCollection = ["finalizable-owner", "weakly-referenced"];

    [Test]
    public void ThereAreTwentySevenKinds() => Assert.That(HolderKinds.All.Select(static kind => kind.Name).Distinct().Count(), Is.EqualTo(27));

    [Test]
    public void TracingFindsNineOfTenWithoutACollection()
    {
        Dictionary<string, long> found = Find("trace");
        Assert.Multiple(() =>
        {
            Assert.That(Rate(found, HolderKinds.All), Is.GreaterThanOrEqualTo(0.9));
            Assert.That(Rate(found, HolderKinds.All.Where(kind => !s_decidedByCollection.Contains(kind.Name))), Is.GreaterThanOrEqualTo(0.99));
        });
    }

    // One word of old data may be the address of a dropped block, or of a dead object that leads to it: hence not 1.
    [Test]
    public void PreciselyAllKindsAreFound()
    {
        // As the cases: where old data alone may be at fault, once more.
        Dictionary<string, long> found = Find("precise");
        found = Poor(found).Any() ? Find("precise") : found;
        Assert.Multiple(() =>
        {
            Assert.That(Poor(found), Is.Empty);
            Assert.That(Rate(found, HolderKinds.All), Is.GreaterThanOrEqualTo(0.99));
        });

        static IEnumerable<string> Poor(Dictionary<string, long> found) => HolderKinds.All
            .Where(kind => found.GetValueOrDefault(kind.Name) < HolderCorpus.Count - 2).Select(static kind => kind.Name);
    }

    [Test]
    public void ReadAsBytesAHeapFullOfDeadHoldersHidesMostLeaksAndInventsNone()
        => Assert.That(Rate(Find("conservative"), HolderKinds.All), Is.LessThan(0.5));

    [Test]
    public void WithoutTheManagedHeapTheCorpusIsLostAltogether()
    {
        using JsonDocument report = Scan("none");
        Dictionary<int, long> lost = BySize(report.RootElement);
        Assert.That(
            HolderCorpus.Case.Blocks.Where(block => lost.GetValueOrDefault(block.Size) < block.Count * 9 / 10).Select(static block => block.Name),
            Is.Empty, "a control: the corpus is held by nothing but managed objects");
    }

    // Found blocks of dropped holders by kind; any block that a kept holder holds fails at once.
    private static Dictionary<string, long> Find(string mode)
    {
        using JsonDocument report = Scan(mode);
        Dictionary<int, long> lost = BySize(report.RootElement);
        Dictionary<string, long> found = HolderKinds.All.ToDictionary(
            static kind => kind.Name, kind => lost.GetValueOrDefault(Size(HolderCorpus.Dropped(kind))));
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"RESULT holders={HolderKinds.All.Count} mode={mode} recall={Rate(found, HolderKinds.All):P1}"));
        Assert.That(
            HolderKinds.All.Where(kind => lost.ContainsKey(Size(HolderCorpus.Held(kind)))).Select(static kind => kind.Name), Is.Empty,
            "false reports");
        Assert.That(lost.Keys, Is.SubsetOf(HolderCorpus.Case.Blocks.Select(static block => block.Size)), "only what was planted");
        return found;
    }

    private static double Rate(Dictionary<string, long> found, IEnumerable<HolderKind> kinds)
        => kinds.Average(kind => Math.Min(1.0, found.GetValueOrDefault(kind.Name) / (double)HolderCorpus.Count));

    private static JsonDocument Scan(string mode)
    {
        using ChildProgram child = new(Artifacts.ProgramOf(Program), "--corpus");
        ChildResult result = child.UnderDetector($"managed_heap={mode}:max_leaks=0:min_age=0").Run();
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        JsonDocument report = JsonDocument.Parse(result.Output);
        JsonElement coverage = report.RootElement.GetProperty("coverage");
        Assert.That(report.RootElement.GetProperty("conclusive").GetBoolean(), Is.True, $"{coverage}");
        Assert.That(coverage.GetProperty("managedHeap").GetString(), Is.EqualTo(mode), $"{coverage}");
        Assert.That(coverage.GetProperty("managedHeapReason").ValueKind, Is.EqualTo(JsonValueKind.Null), $"{coverage}");
        return report;
    }

    private static Dictionary<int, long> BySize(JsonElement report) => report.GetProperty("leaks").EnumerateArray()
        .GroupBy(static leak => leak.GetProperty("samples")[0].GetProperty("size").GetInt32())
        .ToDictionary(static group => group.Key, static group => group.Sum(static leak => leak.GetProperty("blocks").GetInt64()));

    private static int Size(string name) => HolderCorpus.Case.Blocks.First(block => block.Name == name).Size;
}
