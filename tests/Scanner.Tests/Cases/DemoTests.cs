// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>The demo's promise: four leaks of a real program are named with file and line, and its clean mode is clean.</summary>
[TestFixture]
internal sealed class DemoTests
{
    private const string Program = "NativeLeak.Samples.Ingest";
    private const int ExitLeaks = 23;

    [TestCase("Ingest.Before.FrameDecoder.Decode", "FrameDecoder.cs", "Marshal.AllocHGlobal")]
    [TestCase("Ingest.Before.DeviceFilter.Matches", "DeviceFilter.cs", "Marshal.StringToCoTaskMemUTF8")]
    [TestCase("Ingest.Before.Window", "Window.cs", "NativeMemory.AllocZeroed")]
    [TestCase("Ingest.Before.AlarmLog.Add", "AlarmLog.cs", "NativeMemory.Alloc")]
    public void TheReportNamesTheSite(string method, string file, string allocator)
    {
        JsonElement leak = s_leaking.Value.RequiredReport.GetProperty("leaks").EnumerateArray().FirstOrDefault(
            candidate => candidate.GetProperty("kind").GetString() == "definite"
                && candidate.GetProperty("stack").EnumerateArray().Any(frame => IsAt(frame, method, file)));
        Assert.That(leak.ValueKind, Is.EqualTo(JsonValueKind.Object), () => $"{s_leaking.Value.Report}");
        Assert.That(leak.GetProperty("allocator").GetString(), Is.EqualTo(allocator));
    }

    // A word of old data may happen to be an address inside a lost block, which is then possible, or to stand in another
    // lost block, from which it then hangs: the four sites stay, and no fifth comes.
    [Test]
    public void NothingElseIsReported()
    {
        string[] sites =
            ["Marshal.AllocHGlobal", "Marshal.StringToCoTaskMemUTF8", "NativeMemory.AllocZeroed", "NativeMemory.Alloc"];
        (string? Kind, string? Allocator)[] groups = [.. s_leaking.Value.RequiredReport.GetProperty("leaks").EnumerateArray()
            .Select(leak => (leak.GetProperty("kind").GetString(), leak.GetProperty("allocator").GetString()))];
        Assert.Multiple(() =>
        {
            Assert.That(groups.Where(g => g.Kind == "definite").Select(g => g.Allocator), Is.EquivalentTo(sites));
            Assert.That(groups, Does.Contain(("indirect", "NativeMemory.Alloc")));
            Assert.That(groups.Select(g => g.Allocator).Distinct(), Is.SubsetOf(sites));
        });
    }

    [Test]
    public void TheReportInTheReadmeIsTheDemosOwn()
    {
        string readme = File.ReadAllText(Artifacts.PathOf("README.md"));
        string[] sites = [.. s_leaking.Value.RequiredReport.GetProperty("leaks").EnumerateArray()
            .Where(leak => leak.GetProperty("kind").GetString() == "definite").Select(leak => leak.GetProperty("stack")
                .EnumerateArray().First(frame => frame.GetProperty("file").ValueKind == JsonValueKind.String))
            .Select(frame => $"at {frame.GetProperty("method").GetString()} in samples/Ingest/Before/"
                + $"{Path.GetFileName(frame.GetProperty("file").GetString())}:{frame.GetProperty("line")}")];
        Assert.That(sites, Has.Length.EqualTo(4));
        Assert.That(sites.Where(site => !readme.Contains(site, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void TheExitCodeSaysThatThereAreLeaks() => Assert.That(s_leaking.Value.ExitCode, Is.EqualTo(ExitLeaks));

    [Test]
    public void TheCleanModeIsCleanAndDoesTheSameWork()
    {
        ChildResult clean = Run("--clean");
        Assert.Multiple(() =>
        {
            Assert.That(clean.Visible, Is.EqualTo(((int?)0, s_leaking.Value.Output, "")));
            Assert.That(clean.RequiredReport.GetProperty("leaks").GetArrayLength(), Is.Zero, () => $"{clean.Report}");
            Assert.That(clean.RequiredReport.GetProperty("conclusive").GetBoolean(), Is.True);
        });
    }

    private static readonly Lazy<ChildResult> s_leaking = new(static () => Run());

    private static ChildResult Run(params string[] arguments)
    {
        using ChildProgram child = new(Artifacts.ProgramOf(Program), arguments);
        return child.UnderDetector("fail_on=definite").Run();
    }

    private static bool IsAt(JsonElement frame, string method, string file)
        => frame.GetProperty("method").GetString()!.StartsWith(method, StringComparison.Ordinal)
            && Path.GetFileName(frame.GetProperty("file").GetString()) == file
            && frame.GetProperty("line").GetInt32() > 0;
}
