// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.StartupHook.Tests.Interception;

/// <summary>
/// Whether recorded stacks are the real ones: StackShapes allocates from code of every shape and compares each block's
/// site with a StackTrace with file information taken on the same line.
/// </summary>
[TestFixture]
internal sealed class StackShapesTests
{
    // Native code without frame pointers hides its callers, and an exception filter runs below those who threw: there a
    // stack ends early. Nowhere else.
    private static readonly string[] s_mayEndEarly =
    [
        "filter", "qsort and UnmanagedCallersOnly", "qsort and a delegate", "qsort in qsort", "qsort of many",
    ];

    [TestCase("", 300_000, 4)]
    [TestCase("DOTNET_TieredPGO=0", 40_000, 2)]
    [TestCase("DOTNET_TieredCompilation=0", 40_000, 2)]
    [TestCase("DOTNET_ReadyToRun=0", 40_000, 2)]
    [TestCase("DOTNET_gcServer=1", 40_000, 2)]
    public void Every_recorded_frame_is_really_there_with_its_method_and_line(string setting, int count, int rounds)
    {
        string[] parts = setting.Split('=');
        ChildResult result = ChildProcess.Dotnet(
            Apps.StackShapes,
            [count.ToString(CultureInfo.InvariantCulture), rounds.ToString(CultureInfo.InvariantCulture)],
            parts.Length == 2 ? [(parts[0], parts[1])] : []);
        string[] shapes = [.. result.Lines.Where(line => line.StartsWith("shape=", StringComparison.Ordinal))];
        string[] early = [.. shapes.Where(line => !line.EndsWith(" short=0", StringComparison.Ordinal)).Select(NameOf)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
            Assert.That(result.Value("tier"), Is.EqualTo("Exports"));
            Assert.That(Number(result, "allocations"), Is.GreaterThanOrEqualTo(count));
            Assert.That(shapes, Has.Length.GreaterThan(50));
            Assert.That(Number(result, "wrongMethods"), Is.Zero, result.Output);
            Assert.That(Number(result, "wrongLines"), Is.Zero, result.Output);
            Assert.That(early, Is.SubsetOf(s_mayEndEarly), result.Output);
            Assert.That(Number(result, "failures"), Is.Zero);
            // The controls: walks that know frame pointers only, and walks that stop after three frames, must be
            // caught by the same comparison, or the shapes are too tame to prove anything.
            Assert.That(Number(result, "plainConfused"), Is.GreaterThan(0));
            Assert.That(Number(result, "truncatedConfused"), Is.GreaterThan(0));
        }
    }

    private static string NameOf(string line) => line["shape=".Length..line.IndexOf(':', StringComparison.Ordinal)];

    private static long Number(ChildResult result, string name)
        => long.TryParse(result.Value(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out long value) ? value : -1;
}
