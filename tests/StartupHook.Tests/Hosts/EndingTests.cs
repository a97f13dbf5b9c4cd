// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests.Hosts;

/// <summary>The ends of a process that a program without us comes to: one report each, and the exit code that it always had.
/// Those that a program can bring about alone are in ExitReporterTests.</summary>
[TestFixture]
internal sealed class EndingTests
{
    private const int SIGINT = 2, SIGKILL = 9, SIGTERM = 15;

    private InjectFolder _inject = null!;
    private string _folder = "";

    private string Report => Path.Join(_folder, "report.json");

    [OneTimeSetUp]
    public void Inject() => _inject = InjectFolder.Create();

    [OneTimeTearDown]
    public void RemoveInject() => _inject.Dispose();

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-ends-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(SIGTERM)]
    [TestCase(SIGINT)]
    public async Task A_generic_host_shuts_down_in_order_and_is_reported(int signal)
    {
        using LiveProcess host = Start("host");
        await host.WaitForLineAsync("ready");
        host.Signal(signal);
        ChildResult result = await host.EndAsync();
        JsonElement report = ReportReader.Read(Report);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new ChildResult(0, "stopped\n", "")));
            Assert.That(report.Reason(), Is.EqualTo("exit"));
            Assert.That(report.LostBy("HostedApp.Leaks.Lose(int)"), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Two_signals_at_once_give_one_report()
    {
        using LiveProcess host = Start("grow 1", ("NATIVELEAK_LOG_PATH", "stderr"), ("NATIVELEAK_FORMAT", "text"));
        await host.WaitForLineAsync("grown");
        host.Signal(SIGTERM);
        host.Signal(SIGTERM);
        ChildResult result = await host.EndAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(128 + SIGTERM));
            Assert.That(result.Error.Split("SUMMARY: NativeLeak:"), Has.Length.EqualTo(2), result.Error);
        }
    }

    // Nobody reads its streams any more, and the signal comes from the kernel.
    [Test]
    public async Task A_program_whose_parent_died_is_reported_to_its_file()
    {
        string pid = Path.Join(_folder, "pid");
        using LiveProcess parent = LiveProcess.Start("bash",
            ["-c", $"setpriv --pdeathsig TERM dotnet exec '{Apps.HostedApp}' grow 1 & echo $! > '{pid}'; wait"], Variables());
        await parent.WaitForLineAsync("grown");
        parent.Signal(SIGKILL);
        int child = int.Parse(File.ReadAllText(pid));
        await TestWait.ForAsync(() => !Directory.Exists($"/proc/{child}"), "the child ends");
        JsonElement report = ReportReader.Read(Report);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Reason(), Is.EqualTo("signal"));
            Assert.That(report.LostBy("HostedApp.Leaks.Lose(int)"), Is.EqualTo(16));
        }
    }

    // As the kernel kills for memory: nothing of the process runs any more. 64 MiB are three doublings of the least size.
    [Test]
    public async Task A_program_that_is_killed_leaves_the_checkpoint_that_its_growth_caused()
    {
        using LiveProcess grown = Start("grow 64", ("NATIVELEAK_OPTIONS", "checkpoint=1h,min_age=0"));
        await grown.WaitForLineAsync("grown");
        await TestWait.ForAsync(() => File.Exists(Report), "a checkpoint");
        grown.Signal(SIGKILL);
        ChildResult result = await grown.EndAsync();
        JsonElement report = ReportReader.Read(Report);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(new ChildResult(128 + SIGKILL, "", "")));
            Assert.That(report.Reason(), Is.EqualTo("checkpoint"));
            Assert.That(report.LostBy("HostedApp.Leaks.Lose(int)"), Is.GreaterThanOrEqualTo(256), "16 MiB of 64 KiB blocks");
        }
    }

    [Test]
    public async Task The_report_of_the_exit_takes_the_place_of_the_last_checkpoint()
    {
        using LiveProcess grown = Start("grow 1", ("NATIVELEAK_OPTIONS", "checkpoint=300ms,min_age=0"));
        await grown.WaitForLineAsync("grown");
        await TestWait.ForAsync(() => File.Exists(Report), "a checkpoint");
        Assert.That(ReportReader.Read(Report).Reason(), Is.EqualTo("checkpoint"));
        grown.Signal(SIGTERM);
        await grown.EndAsync();
        Assert.That(ReportReader.Read(Report).Reason(), Is.EqualTo("signal"));
        Assert.That(Directory.GetFiles(_folder), Is.EqualTo(new[] { Report }), "nothing half written is left");
    }

    [Test]
    public async Task On_stderr_a_checkpoint_tells_what_is_new_once()
    {
        using LiveProcess grown = Start("grow 1",
            ("NATIVELEAK_OPTIONS", "checkpoint=200ms,min_age=0,report_at=checkpoint"), ("NATIVELEAK_LOG_PATH", "stderr"), ("NATIVELEAK_FORMAT", "text"));
        await grown.WaitForLineAsync("grown");
        await Task.Delay(TimeSpan.FromSeconds(10)); // long enough for several, on a slow machine for one
        grown.Signal(SIGTERM);
        ChildResult result = await grown.EndAsync();
        Assert.That(result.Error, Does.Contain("; at a checkpoint"));
        // While it grows each is news; in the seconds after that there are none.
        Assert.That(result.Error.Split("SUMMARY: NativeLeak:"), Has.Length.LessThan(8), result.Error);
    }

    private LiveProcess Start(string arguments, params (string Name, string? Value)[] more)
        => LiveProcess.Start("dotnet", ["exec", Apps.HostedApp, .. arguments.Split(' ')], Variables(more));

    private (string, string?)[] Variables(params (string, string?)[] more) =>
    [
        ("DOTNET_STARTUP_HOOKS", _inject.Hook), ("NATIVELEAK", "on"), ("NATIVELEAK_FORMAT", "json"),
        ("NATIVELEAK_LOG_PATH", Report), .. more,
    ];
}
