// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json.Nodes;
using Json.Schema;
using NativeLeak.Baselines;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Tests.Reports;

/// <summary>The published schemas are those of what is written: nothing is missing in them, and nothing else is accepted.</summary>
[TestFixture]
internal sealed class SchemaTests
{
    private const string Report = "nativeleak.report-1", Baseline = "nativeleak.baseline-1";

    private static readonly EvaluationOptions s_options = new() { OutputFormat = OutputFormat.List, RequireFormatValidation = true };

    private static LeakReport Full => FullReport.Make() with
    {
        Coverage = FullReport.Make().Coverage with { Mode = "snapshot" },
    };

    private static LeakReport Bare => Full with
    {
        Check = null, Baseline = null, Estimates = null, Heuristics = [], StillAllocated = [], Misuse = [], Suppressions = [], Tracker = new(),
        Coverage = Full.Coverage with { ManagedHeapReason = "", Warnings = [], Unseen = [] },
        Leaks = [Full.Leaks[0] with { Tag = null, HeldBy = null, LastHolder = null, Estimate = null, Baseline = null, Stack = [], Samples = [] }],
    };

    [Test]
    public void EveryReportFits()
    {
        Assert.That(Problems(Report, JsonReportWriter.Write(Full)), Is.Empty);
        Assert.That(Problems(Report, JsonReportWriter.Write(Bare)), Is.Empty);
        Assert.That(Problems(Baseline, BaselineWriter.Write(Full)), Is.Empty);
    }

    [TestCase("leak 2 100\nwork 10")]
    [TestCase("work 10")]
    public void TheReportOfAProgramFits(string input)
    {
        string folder = Directory.CreateTempSubdirectory("nl-").FullName;
        try
        {
            File.WriteAllText(folder + "/input", input + "\n");
            ToolResult result = Tool.RunProgram("sh",
                ["-c", $"exec dotnet exec \"$@\" < {folder}/input", "sh", Artifacts.Tool, "run", "--fail-on", "none", "--format", "json", "-o", folder + "/report", "--",
                    "dotnet", "exec", Artifacts.ServiceApp]);
            Assert.That(result.ExitCode, Is.Zero, result.ToString());
            Assert.That(Problems(Report, File.ReadAllBytes(folder + "/report")), Is.Empty);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void EveryPropertyIsDescribed()
    {
        Assert.That(Problems(Report, JsonReportWriter.Write(Full), Close), Is.Empty);
        Assert.That(Problems(Baseline, BaselineWriter.Write(Full), Close), Is.Empty);
        JsonNode more = JsonNode.Parse(JsonReportWriter.Write(Full))!;
        more["leaks"]![0]!["invention"] = 1;
        Assert.That(Problems(Report, Bytes(more), Close), Is.Not.Empty, "the control");
        Assert.That(Problems(Report, Bytes(more)), Is.Empty, "for readers a later version may say more");
    }

    // Readers rely on it that every property is there.
    [TestCase(Report)]
    [TestCase(Baseline)]
    public void NoPropertyMayBeMissingOrOfAnotherKind(string schema)
    {
        byte[] whole = schema == Report ? JsonReportWriter.Write(Full) : BaselineWriter.Write(Full);
        foreach (string path in Paths(JsonNode.Parse(whole)!))
        {
            Assert.That(Problems(schema, Bytes(Changed(whole, path, static (parent, name) => parent.Remove(name)))), Is.Not.Empty, path + " is missing");
            Assert.That(Problems(schema, Bytes(Changed(whole, path, static (parent, name) => parent[name] = new JsonArray(new JsonArray())))), Is.Not.Empty, path + " is an array of arrays");
        }
    }

    private static JsonNode Changed(byte[] whole, string path, Action<JsonObject, string> change)
    {
        JsonNode root = JsonNode.Parse(whole)!;
        JsonNode parent = root;
        string[] steps = path.Split('/');
        foreach (string step in steps[..^1])
        {
            parent = parent is JsonArray array ? array[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]! : parent[step]!;
        }

        change(parent.AsObject(), steps[^1]);
        return root;
    }

    // Every property of every object; of arrays the first element.
    private static IEnumerable<string> Paths(JsonNode node) => node switch
    {
        JsonObject properties => properties.SelectMany(static pair => (string[])
            [pair.Key, .. pair.Value is null ? [] : Paths(pair.Value).Select(path => pair.Key + "/" + path)]),
        JsonArray { Count: > 0 } array => Paths(array[0]!).Select(static path => "0/" + path),
        _ => [],
    };

    private static void Close(JsonNode node)
    {
        if (node is JsonObject schema)
        {
            foreach ((_, JsonNode? child) in schema.ToArray())
            {
                if (child is not null)
                {
                    Close(child);
                }
            }

            if (schema["properties"] is JsonObject && schema["type"] is JsonValue)
            {
                schema["additionalProperties"] = false;
            }
        }
        else if (node is JsonArray array)
        {
            array.OfType<JsonNode>().ToList().ForEach(Close);
        }
    }

    private static string[] Problems(string name, byte[] json, Action<JsonNode>? change = null)
    {
        JsonNode schema = JsonNode.Parse(File.ReadAllBytes(Path.Join(Artifacts.Root, "docs", "schemas", name + ".schema.json")))!;
        change?.Invoke(schema);
        using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(json);
        EvaluationResults results = JsonSchema.FromText(schema.ToJsonString()).Evaluate(document.RootElement, s_options);
        return results.IsValid ? [] : [.. (results.Details ?? []).Where(static detail => detail.Errors is not null)
            .SelectMany(static detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}")), "not valid"];
    }

    private static byte[] Bytes(JsonNode node) => System.Text.Encoding.UTF8.GetBytes(node.ToJsonString());
}
