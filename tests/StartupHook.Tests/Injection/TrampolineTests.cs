// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>The trampoline in an application that knows nothing of it, from a folder in which nothing else lies.</summary>
[TestFixture]
internal sealed class TrampolineTests
{
    private string _folder = "";
    private string _hook = "";

    [SetUp]
    public void MakeFolder()
    {
        _folder = Directory.CreateTempSubdirectory("nativeleak-hook-").FullName;
        _hook = Path.Join(_folder, "NativeLeak.StartupHook.dll");
        File.Copy(Apps.Trampoline, _hook);
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(null)]
    [TestCase("")]
    [TestCase("off")]
    [TestCase("0")]
    [TestCase("false")]
    [TestCase("on")]
    [TestCase("nonsense")]
    public void Without_its_siblings_the_application_runs_untouched(string? level)
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(Apps.PlainApp, ["work"], ("DOTNET_STARTUP_HOOKS", _hook), ("NATIVELEAK", level));
        Assert.That(hooked, Is.EqualTo(plain));
    }

    [TestCase("off", "(unset)")]
    [TestCase("", "(unset)")]
    [TestCase("on", "True")]
    public void Switched_off_it_does_nothing_at_all(string level, string latch)
    {
        ChildResult result = ChildProcess.Dotnet(
            Apps.PlainApp, ["variables"], ("DOTNET_STARTUP_HOOKS", _hook), ("NATIVELEAK", level));
        Assert.That(result.Value("latch"), Is.EqualTo(latch), result.Error);
    }

    [Test]
    public void Named_twice_it_runs_once()
    {
        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(
            Apps.PlainApp, ["work"], ("DOTNET_STARTUP_HOOKS", $"{_hook}:{_hook}"), ("NATIVELEAK", "on"));
        Assert.That(hooked, Is.EqualTo(plain));
    }

    [Test]
    public void A_broken_sibling_leaves_the_application_untouched()
    {
        foreach (string part in (string[])["Interop", "NativeHeap", "Scanner"])
        {
            File.WriteAllText(Path.Join(_folder, $"NativeLeak.{part}.dll"), "this is no assembly");
        }

        ChildResult plain = ChildProcess.Dotnet(Apps.PlainApp, ["work"]);
        ChildResult hooked = ChildProcess.Dotnet(
            Apps.PlainApp, ["work"], ("DOTNET_STARTUP_HOOKS", _hook), ("NATIVELEAK", "on"));
        Assert.That(hooked, Is.EqualTo(plain));
    }

    [Test]
    public void The_reason_for_a_failed_start_is_written_only_when_asked_for()
    {
        string log = Path.Join(_folder, "report-{pid}.txt");
        ChildResult quiet = ChildProcess.Dotnet(Apps.PlainApp, ["variables"],
            ("DOTNET_STARTUP_HOOKS", _hook), ("NATIVELEAK", "on"), ("NATIVELEAK_LOG_PATH", log));
        Assert.That(Directory.GetFiles(_folder, "*.hook"), Is.Empty);

        ChildResult verbose = ChildProcess.Dotnet(Apps.PlainApp, ["variables"],
            ("DOTNET_STARTUP_HOOKS", _hook), ("NATIVELEAK", "on"), ("NATIVELEAK_LOG_PATH", log), ("NATIVELEAK_VERBOSITY", "1"));
        string written = Directory.GetFiles(_folder, "report-*.txt.hook").Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(verbose, Is.EqualTo(quiet));
            Assert.That(File.ReadAllLines(written), Has.One.Contains("NativeLeak.Interop.dll is not beside the startup hook"));
            Assert.That(File.GetUnixFileMode(written), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    [Test]
    public void A_log_that_cannot_be_written_is_no_trouble()
    {
        ChildResult result = ChildProcess.Dotnet(Apps.PlainApp, ["work"],
            ("DOTNET_STARTUP_HOOKS", _hook), ("NATIVELEAK", "on"),
            ("NATIVELEAK_LOG_PATH", "/proc/no/such/place"), ("NATIVELEAK_VERBOSITY", "1"));
        Assert.That(result, Is.EqualTo(ChildProcess.Dotnet(Apps.PlainApp, ["work"])));
    }

    [Test]
    public void Children_inherit_the_hook_by_default()
    {
        ChildResult result = Parent(("NATIVELEAK", "on"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Value("NATIVELEAK"), Is.EqualTo("on"), result.Error);
            Assert.That(result.Value("latch"), Is.EqualTo("True"));
        }
    }

    [TestCase("NATIVELEAK_INHERIT", "0")]
    [TestCase("NATIVELEAK_OPTIONS", "format=json,inherit=off")]
    public void Children_start_plain_when_nothing_is_to_be_inherited(string variable, string value)
    {
        ChildResult result = Parent(("NATIVELEAK", "on"), (variable, value));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Value("NATIVELEAK"), Is.EqualTo("(unset)"), result.Error);
            Assert.That(result.Value(variable), Is.EqualTo("(unset)"));
            Assert.That(result.Value("DOTNET_STARTUP_HOOKS"), Is.EqualTo("(unset)"));
            Assert.That(result.Value("latch"), Is.EqualTo("(unset)"));
        }
    }

    private ChildResult Parent(params (string, string?)[] variables) => ChildProcess.Dotnet(
        Apps.PlainApp, ["child", "dotnet", "exec", Apps.PlainApp, "variables"], [.. variables, ("DOTNET_STARTUP_HOOKS", _hook)]);
}
