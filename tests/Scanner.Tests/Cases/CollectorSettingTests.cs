// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using LeakCases;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>The same verdicts under every garbage collector and every layout of its heap, or an honest fallback.</summary>
[TestFixture]
internal sealed class CollectorSettingTests
{
    private const string Program = "NativeLeak.LeakCases";
    private const int Attempts = 2;
    private const int UnconfirmedAttempts = 4;

    // One for each part of the heap that a setting lays out in its own way, and one for pointers into objects.
    private static readonly string[] s_holders =
        ["in-array-on-large-object-heap", "in-array-pinned", "in-frozen-object", "span-of-array-in-frame"];

    // Numbers are hexadecimal, as the runtime reads them.
    [TestCase("DOTNET_gcServer=1 DOTNET_GCHeapCount=2")]
    [TestCase("DOTNET_GCName=libclrgcexp.so")]
    [TestCase("DOTNET_gcConservative=1")]
    [TestCase("DOTNET_GCgen0size=40000")]
    [TestCase("DOTNET_GCgen0size=4000000")]
    [TestCase("DOTNET_GCHeapHardLimit=8000000")]
    [TestCase("DOTNET_GCRegionSize=100000")]
    public void ObjectsAreTraced(string settings) => Assert.Multiple(() =>
    {
        foreach (string name in s_holders.SelectMany(static holder => new[] { holder + "-held", holder + "-dropped" }))
        {
            Check(name, settings, "trace");
        }
    });

    [TestCase("DOTNET_GCName=libclrgc.so")]
    [TestCase("DOTNET_GCName=libclrgc.so DOTNET_gcServer=1 DOTNET_GCHeapCount=2")]
    public void ACollectorWithSegmentsIsRecognisedAndItsHeapReadWhole(string settings) => Assert.Multiple(() =>
    {
        foreach (string name in s_holders.Select(static holder => holder + "-held").Append("chain-4"))
        {
            JsonElement coverage = Check(name, settings, "conservative");
            string reason = coverage.GetProperty("managedHeapReason").GetString()!;
            Assert.That(reason, Does.Contain("segments"), name);
            Assert.That(coverage.GetProperty("warnings").EnumerateArray().Select(static w => w.GetString()), Has.One.Contains(reason), name);
        }
    });

    // Another mapping can lie so that the reserve's ends are not certain; the heap is then read whole, and the report says so. A
    // small reserve meets that in one of some thirty processes.
    private static bool IsUnconfirmed(JsonElement coverage)
        => coverage.GetProperty("managedHeapReason").GetString() == "the reserve of the garbage collector could not be confirmed";

    private static JsonElement Check(string name, string settings, string mode)
    {
        LeakCase leakCase = CaseTable.Find(name)!;
        for (int attempt = 1; ; attempt++)
        {
            using ChildProgram child = new(Artifacts.ProgramOf(Program), name);
            foreach (string[] setting in settings.Split(' ').Select(static setting => setting.Split('=')))
            {
                child.With(setting[0], setting[1]);
            }

            ChildResult result = child.UnderDetector(leakCase.Options).Run();
            Assert.That(result.Visible, Is.EqualTo(((int?)0, "", "")), $"{name} {settings}");
            JsonElement coverage = result.RequiredReport.GetProperty("coverage");
            if (attempt < UnconfirmedAttempts && IsUnconfirmed(coverage))
            {
                continue;
            }

            Assert.That(coverage.GetProperty("managedHeap").GetString(), Is.EqualTo(mode), $"{name} {settings}: {coverage}");
            IReadOnlyList<VerdictDifference> differences = CaseVerdicts.Differences(leakCase, result.RequiredReport);
            if (attempt >= Attempts || !differences.Any() || differences.Any(static difference => !difference.MayBeChance))
            {
                Assert.That(differences, Is.Empty, $"{name} {settings}");
                return coverage;
            }
        }
    }
}
