// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Cli.Reports;

namespace NativeLeak.Cli.Tests.Reports;

/// <summary>What several reports say of the same thing is added up, and nothing is lost.</summary>
[TestFixture]
internal sealed class ReportMergeTests
{
    [Test]
    public void OfEverySuppressionTheSumIsKept()
    {
        LeakReport report = FullReport.Make();
        SuppressionTotal one = new("libold", "a.supp:1", new(1, 10)), unused = new("gone", "a.supp:2", default);
        LeakReport merged = ReportMerge.Merge(
        [
            report with { Suppressions = [one, unused] },
            report with { Suppressions = [one with { Hidden = new(2, 20) }, unused, one with { Source = "b.supp:7", Hidden = new(4, 40) }] },
        ]);
        Assert.That(merged.Suppressions, Is.EqualTo(new[]
        {
            one with { Hidden = new(3, 30) }, unused, one with { Source = "b.supp:7", Hidden = new(4, 40) },
        }));
    }
}
