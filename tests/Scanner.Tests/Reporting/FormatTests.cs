// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using NativeLeak.Reporting.Formats;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>The forms that other tools read: well-formed whatever names an application has, and complete.</summary>
[TestFixture]
internal sealed class FormatTests
{
    private const string Hostile = "Evil;\n::error::x\u001b[2J<&\">%,:\u202e\ud800\uffff";

    internal static LeakReport HostileReport { get; } = SampleReports.Leaky with
    {
        Process = SampleReports.Leaky.Process with { Name = Hostile },
        IsConclusive = false,
        Coverage = SampleReports.Leaky.Coverage with { Warnings = [Hostile] },
        Leaks =
        [
            .. SampleReports.Leaky.Leaks.Select(static group => group with
            {
                Allocator = Hostile,
                Evidence = Hostile,
                Stack = [new LeakFrame(Hostile, Hostile, "/" + Hostile, 7, false, false)],
            }),
        ],
    };

    private static IEnumerable<TestCaseData> Reports =>
    [
        new TestCaseData(SampleReports.Leaky).SetArgDisplayNames("leaky"), new TestCaseData(SampleReports.Clean).SetArgDisplayNames("clean"),
        new TestCaseData(SampleReports.Inconclusive).SetArgDisplayNames("inconclusive"), new TestCaseData(HostileReport).SetArgDisplayNames("hostile"),
    ];

    [TestCaseSource(nameof(Reports))]
    public void SarifHasAResultWithALocationForEachLeak(LeakReport report)
    {
        JsonElement run = Json(report, ReportFormat.Sarif).GetProperty("runs")[0];
        JsonElement rules = run.GetProperty("tool").GetProperty("driver").GetProperty("rules");
        Assert.That(run.GetProperty("results").GetArrayLength(), Is.EqualTo(report.Leaks.Count));
        Assert.That(run.GetProperty("invocations")[0].GetProperty("executionSuccessful").GetBoolean(), Is.EqualTo(report.IsConclusive));
        foreach ((JsonElement result, LeakGroup group) in run.GetProperty("results").EnumerateArray().Zip(report.Leaks))
        {
            JsonElement location = result.GetProperty("locations")[0].GetProperty("physicalLocation");
            Assert.Multiple(() =>
            {
                Assert.That(rules[result.GetProperty("ruleIndex").GetInt32()].GetProperty("id").GetString(),
                    Is.EqualTo(result.GetProperty("ruleId").GetString()).And.EndWith(group.Kind.ToString().ToLowerInvariant()));
                Assert.That(Uri.IsWellFormedUriString(location.GetProperty("artifactLocation").GetProperty("uri").GetString(), UriKind.RelativeOrAbsolute));
                Assert.That(result.GetProperty("partialFingerprints").GetProperty("nativeLeakSite/v1").GetString(), Is.EqualTo(group.Fingerprint));
                Assert.That(result.GetProperty("stacks")[0].GetProperty("frames").GetArrayLength(), Is.EqualTo(group.Stack.Count));
            });
        }
    }

    [Test]
    public void ALeakIsShownAtTheUsersInnermostLine()
    {
        JsonElement place = Json(SampleReports.Leaky, ReportFormat.Sarif).GetProperty("runs")[0].GetProperty("results")[0]
            .GetProperty("locations")[0].GetProperty("physicalLocation");
        Assert.That(place.GetProperty("artifactLocation").GetProperty("uri").GetString(), Is.EqualTo("file:///src/Parser.cs"));
        Assert.That(place.GetProperty("region").GetProperty("startLine").GetInt32(), Is.EqualTo(41));
        Assert.That(Text(SampleReports.Leaky, ReportFormat.GitHub), Does.StartWith("::error file=/src/Parser.cs,line=41,title=NativeLeak%3A Definite leak::"));
    }

    [TestCase("/repo/src/a.cs", "/repo", "src/a.cs")]
    [TestCase("/repo/src/a.cs", "/repo/", "src/a.cs")]
    [TestCase("/repository/a.cs", "/repo", "/repository/a.cs")]
    public void AFileOfTheCheckoutIsNamedFromThere(string file, string folder, string name)
        => Assert.That(LeakPlace.Relative(file, folder), Is.EqualTo(name));

    // Whatever a name holds, it neither begins a command of its own nor ends one.
    [TestCaseSource(nameof(Reports))]
    public void EachAnnotationIsOneLine(LeakReport report)
    {
        string[] lines = Text(report, ReportFormat.GitHub).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(report.Leaks.Count + report.Misuse.Count + (report.IsConclusive ? 0 : 1) + 1));
        Assert.That(lines[..^1], Has.All.Match("^::(error|warning|notice) "));
        Assert.That(lines[^1], Does.StartWith("NativeLeak: "));
    }

    [TestCaseSource(nameof(Reports))]
    public void JUnitHasAFailedCaseForEachLeakAndNeverNone(LeakReport report)
    {
        XElement suite = XDocument.Parse(Text(report, ReportFormat.JUnit)).Root!.Element("testsuite")!;
        Assert.Multiple(() =>
        {
            Assert.That(suite.Descendants("failure").Count(), Is.EqualTo(report.Leaks.Count));
            Assert.That(suite.Descendants("error").Count(), Is.EqualTo(report.IsConclusive ? 0 : 1));
            Assert.That(suite.Elements("testcase").Count(), Is.EqualTo((int)suite.Attribute("tests")!).And.GreaterThan(0));
            Assert.That((int)suite.Attribute("failures")!, Is.EqualTo(report.Leaks.Count));
        });
    }

    [TestCaseSource(nameof(Reports))]
    public void FoldedHasALineForEachPathOutermostFirst(LeakReport report)
    {
        string[] lines = Text(report, ReportFormat.Folded).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(report.Leaks.Count));
        foreach ((string line, LeakGroup group) in lines.Zip(report.Leaks))
        {
            Assert.That(line.Count(static character => character == ';'), Is.EqualTo(group.Stack.Count));
            Assert.That(line, Does.EndWith(" " + group.Total.Bytes));
        }

        if (ReferenceEquals(report, SampleReports.Leaky))
        {
            Assert.That(lines[0], Does.StartWith("Ingest.Program.Main(string[]);"));
        }
    }

    [TestCaseSource(nameof(Reports))]
    public void SpeedscopeHasOneWeightForEachSampleAndNamesEveryFrame(LeakReport report)
    {
        JsonElement root = Json(report, ReportFormat.Speedscope);
        int frames = root.GetProperty("shared").GetProperty("frames").GetArrayLength();
        JsonElement profiles = root.GetProperty("profiles");
        Assert.That(profiles.GetArrayLength(), Is.GreaterThan(0));
        long bytes = 0;
        foreach (JsonElement profile in profiles.EnumerateArray())
        {
            JsonElement samples = profile.GetProperty("samples"), weights = profile.GetProperty("weights");
            Assert.That(samples.GetArrayLength(), Is.EqualTo(weights.GetArrayLength()));
            Assert.That(samples.EnumerateArray().SelectMany(static sample => sample.EnumerateArray()).Select(static index => index.GetInt32()),
                Has.All.InRange(0, frames - 1).Or.Empty);
            bytes += profile.GetProperty("endValue").GetInt64();
            Assert.That(weights.EnumerateArray().Sum(static weight => weight.GetInt64()), Is.EqualTo(profile.GetProperty("endValue").GetInt64()));
        }

        Assert.That(bytes, Is.EqualTo(report.Leaks.Sum(static group => group.Total.Bytes)));
    }

    [Test]
    public void NothingThatATerminalObeysComesThroughInTheFormsForPeople()
    {
        foreach (ReportFormat format in (ReportFormat[])[ReportFormat.JUnit, ReportFormat.Folded, ReportFormat.Text])
        {
            // By number: comparisons of text overlook such characters.
            Assert.That(Text(HostileReport, format).Select(static character => (int)character),
                Does.Not.Contain(0x1b).And.Not.Contain(0x202e), format.ToString());
        }
    }

    private static string Text(LeakReport report, ReportFormat format)
        => new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(ReportWriter.Write(report, format, default));

    private static JsonElement Json(LeakReport report, ReportFormat format)
    {
        using JsonDocument document = JsonDocument.Parse(ReportWriter.Write(report, format, default));
        return document.RootElement.Clone();
    }
}
