// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NativeLeak.Cli.Reports;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Tests.Reports;

/// <summary>What is written is read back whole; what is anything else is an error with a place.</summary>
[TestFixture]
internal sealed class ReportReaderTests
{
    private static readonly byte[] s_json = JsonReportWriter.Write(FullReport.Make());

    [Test]
    public void AReportWithEverythingInItIsReadBackWhole()
        => Assert.That(Encoding.UTF8.GetString(JsonReportWriter.Write(ReportReader.Read(s_json, "file"))), Is.EqualTo(Encoding.UTF8.GetString(s_json)));

    [Test]
    public void ItsTextIsThatOfTheReportItself()
        => Assert.That(ReportReader.Read(s_json, "file").ToText(2), Is.EqualTo(FullReport.Make().ToText(2)));

    [Test]
    public void AByteOrderMarkIsNoObstacle()
        => Assert.That(ReportReader.Read((byte[])[0xEF, 0xBB, 0xBF, .. s_json], "file").Leaks, Has.Count.EqualTo(2));

    [Test]
    public void PropertiesOfLaterVersionsAreNoObstacleAndThoseOfEarlierOnesNotMissed()
    {
        JsonNode root = JsonNode.Parse(s_json)!;
        root["invention"] = new JsonArray(1, "two", new JsonObject());
        root["leaks"]![0]!["invention"] = "x";
        root.AsObject().Remove("stillAllocated");
        root.AsObject().Remove("tracker");
        root["leaks"]![0]!["stack"]![0]!.AsObject().Remove("framework");
        LeakReport report = ReportReader.Read(Encoding.UTF8.GetBytes(root.ToJsonString()), "file");
        Assert.That(report.Leaks[0].Stack[0].IsFramework, Is.True, "by the name of its assembly");
    }

    [Test]
    public void APartOfAReportIsToldWithItsPlace()
    {
        for (int length = 0; length < s_json.Length - 2; length += 7)
        {
            ToolException problem = Refused(s_json.AsMemory(0, length))!;
            Assert.That(problem.Message, Does.Match(@"^file: not a report of NativeLeak, or only a part of one: line \d+, byte \d+: "), length.ToString(CultureInfo.InvariantCulture));
        }
    }

    [TestCase("{\"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\"}", "file: not a report of NativeLeak: schema is missing")]
    [TestCase("{\"schema\": \"nativeleak.report/2\"}", "its schema is 'nativeleak.report/2', nativeleak.report/1 is expected")]
    [TestCase("{\"schema\": \"\\u001b[2J\"}", "its schema is '\\u001b[2J'")]
    [TestCase("[]", "the document is array, an object is expected")]
    [TestCase("null", "the document is null, an object is expected")]
    [TestCase("{\"schema\": \"nativeleak.report/1\"}", "process is missing")]
    [TestCase("==1==NATIVELEAK: ERROR", "line 1, byte 1: ")]
    [TestCase("", "line 1, byte 1: it is empty")]
    public void AForeignFileIsToldWhatItIsNot(string text, string expected)
        => Assert.That(Refused(Encoding.UTF8.GetBytes(text))?.Message, Does.Contain(expected));

    [TestCase("leaks[1].kind", "\"certain\"", "leaks[1].kind is string, one of definite, indirect, possible is expected")]
    [TestCase("leaks[0].blocks", "-1", "leaks[0].blocks is number, a whole number from 0 is expected")]
    [TestCase("leaks[0].blocks", "1e300", "a whole number from 0")]
    [TestCase("leaks[0].stack[0].method", "7", "leaks[0].stack[0].method is number, a text is expected")]
    [TestCase("leaks[0].samples[0].address", "\"0xzz\"", "leaks[0].samples[0].address is string, an address is expected")]
    [TestCase("leaks[0].samples[0].hex", "\"abc\"", "pairs of hexadecimal digits")]
    [TestCase("leaks[0].firstAgeSeconds", "1e300", "a shorter time")]
    [TestCase("process.startedAt", "\"yesterday\"", "process.startedAt is string, a moment")]
    [TestCase("process.pid", "99999999999", "a smaller number")]
    [TestCase("process.name", "\"\\ud800\"", "valid Unicode")]
    [TestCase("conclusive", "\"yes\"", "conclusive is string, true or false is expected")]
    [TestCase("coverage.warnings", "\"none\"", "coverage.warnings is string, an array is expected")]
    public void AWrongValueIsToldWithItsPath(string path, string value, string expected)
        => Assert.That(Refused(With(path, value))?.Message, Does.Contain(expected));

    [Test]
    public void NoBytesMakeItFailInAnotherWay()
    {
        int seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        Random random = new(seed);
        int read = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = [.. s_json];
            for (int j = random.Next(1, 4); j > 0; j--)
            {
                changed[random.Next(changed.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"0123456789-e.\"{}[],:tfn\\u"[random.Next(25)];
            }

            read += Refused(changed) is null ? 1 : 0;
        }

        Assert.That(read, Is.InRange(1, 19_999), "the control: some changes are harmless, some are not");
    }

    [Test]
    public void DeepNestingIsNoProblem()
        => Assert.That(Refused(Encoding.UTF8.GetBytes(new string('[', 1_000_000)))?.Message, Does.Contain("line 1, byte"));

    [Test]
    public void AHugeFileIsRefusedUnread()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (FileStream file = File.OpenWrite(path))
            {
                file.SetLength(ReportReader.MaximumByteCount + 1); // a hole: no disk is used
            }

            Assert.That(() => ReportReader.ReadFile(path), Throws.TypeOf<ToolException>().With.Message.Contains("a report has at most"));
            Assert.That(() => ReportReader.ReadFile("/dev/zero"), Throws.TypeOf<ToolException>().With.Message.Contains("goes on for more than"));
            Assert.That(() => ReportReader.ReadFile("/"), Throws.TypeOf<ToolException>().With.Message.Contains("cannot be read"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void NoEscapeSequenceOfAReportReachesATerminal()
    {
        LeakReport report = ReportReader.Read(With("leaks[0].stack[0].method", "\"a\\u001b]0;title\\u0007b\\u202e\""), "file");
        string[] outputs = [report.ToText(1), Encoding.UTF8.GetString(JsonReportWriter.Write(report)), new ReportDiff(Nothing(), report).ToText()];
        Assert.That(outputs[0], Does.Contain("a\\u001b]0;title\\u0007b\\u202e"));
        // By characters: a culture takes no notice of these.
        Assert.That(outputs.Select(static text => text.Any(static letter => letter is '\u001b' or '\u0007')), Has.All.False);
    }

    [Test]
    public void TheReportOfTheTestsFillsEveryProperty()
    {
        // The control of the first test: what is null or empty everywhere would be read back whatever the reader does.
        string text = Encoding.UTF8.GetString(s_json);
        string[] nulls = [.. text.Split('\n').Where(static line => line.EndsWith("null,", StringComparison.Ordinal) || line.EndsWith("null", StringComparison.Ordinal))
            .Select(static line => line.Trim().Split(':')[0])];
        Assert.That(nulls.Distinct(), Is.SubsetOf(new[] { "\"line\"", "\"file\"", "\"assembly\"", "\"tag\"", "\"heldBy\"", "\"lastHolder\"", "\"estimate\"", "\"suppression\"", "\"baseline\"" }));
        Assert.That(text.Split("[]").Length - 1, Is.LessThanOrEqualTo(5));
    }

    private static byte[] With(string path, string value)
    {
        JsonNode node = JsonNode.Parse(s_json)!;
        string[] steps = path.Replace("[", ".[", StringComparison.Ordinal).Split('.');
        for (int i = 0; i < steps.Length - 1; i++)
        {
            node = steps[i][0] == '[' ? node[int.Parse(steps[i].Trim('[', ']'), CultureInfo.InvariantCulture)]! : node[steps[i]]!;
        }

        node[steps[^1]] = "placeholder of the value";
        return Encoding.UTF8.GetBytes(node.Root.ToJsonString().Replace("\"placeholder of the value\"", value, StringComparison.Ordinal));
    }

    private static LeakReport Nothing() => FullReport.Make() with { Leaks = [], StillAllocated = [] };

    private static ToolException? Refused(ReadOnlyMemory<byte> json)
    {
        try
        {
            ReportReader.Read(json, "file");
            return null;
        }
        catch (ToolException problem)
        {
            return problem;
        }
    }
}
