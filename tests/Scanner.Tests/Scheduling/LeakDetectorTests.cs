// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>The public door, with the real detector, in processes of their own.</summary>
[TestFixture]
internal sealed class LeakDetectorTests
{
    private static readonly IEnumerable<TestCaseData> s_compilations =
    [
        new TestCaseData("DOTNET_gcServer", "0").SetArgDisplayNames("default"),
        new TestCaseData("DOTNET_TieredCompilation", "0").SetArgDisplayNames("no tiers"),
        new TestCaseData("DOTNET_ReadyToRun", "0").SetArgDisplayNames("nothing precompiled"),
    ];

    [TestCaseSource(nameof(s_compilations))]
    public void EveryAllocatingApiIsNamedWhereItWasCalled(string variable, string value)
    {
        ExitResult result = ExitApp.Run("allocators", (variable, value));
        HashSet<string> seen = [];
        foreach (string line in result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(' ');
            string called = parts[0].Split('.')[^1].Replace("()", "", StringComparison.Ordinal).Replace('_', '.');
            Assert.That(parts[1], Is.EqualTo(called), line);
            Assert.That(parts[2], Is.Not.EqualTo("0"), "its source line is known");
            seen.Add(called);
        }

        IEnumerable<string> all = Enum.GetValues<AllocationApi>().Where(static api => api != AllocationApi.Unknown)
            .Select(AllocatorNames.Name);
        Assert.That(seen, Is.EquivalentTo(all), result.Error);
    }

    [Test]
    public void WithoutADetectorAScanIsRefusedAndStoppingIsHarmless()
    {
        Assert.That(LeakDetector.IsEnabled, Is.False);
        Assert.That(() => LeakDetector.Scan(), Throws.InvalidOperationException);
        Assert.That(LeakDetector.Stop, Throws.Nothing);
    }
}
