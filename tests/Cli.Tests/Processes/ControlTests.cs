// Licensed under the MIT License. See LICENSE in the repository root.
using System.Net.Sockets;
using NativeLeak.Control;

namespace NativeLeak.Cli.Tests.Processes;

/// <summary>The commands, sent by the tool to a real process.</summary>
[TestFixture]
internal sealed class ControlTests
{
    [Test]
    public void AScanFindsLeaksAndClearHidesThem()
    {
        using Service service = Service.Watched().WithChannel();
        service.Tell("leak 20 700");
        Assert.That(Control(service, "scan").Output, Does.Contain("ERROR: detected native memory leaks").And.Contain("Service.Leak(int, int)"));
        Assert.That(Control(service, "clear").Output, Does.Contain("Service.Leak(int, int)"), "what was known until now");
        ToolResult after = Control(service, "scan");
        Assert.That(after.Output, Does.Not.Contain("Service.Leak(int, int)").And.Contain("ignored 14000 byte(s) in 20 block(s)"), after.ToString());
        service.Tell("leak 20 800");
        Assert.That(Control(service, "scan").Output, Does.Contain("Service.Leak(int, int)"));
    }

    [Test]
    public void QuestionsAboutABlockInUseAreAnsweredAndKeepNothing()
    {
        using Service service = Service.Watched().WithChannel();
        service.Tell("hold 650");
        string address = service.Tell("address");
        Assert.That(Control(service, "who=" + address).Output,
            Does.Contain("650 byte(s) allocated by Marshal.AllocHGlobal").And.Contain("Service.Held"));
        Assert.That(Control(service, "path=0x" + address).Output, Does.Contain("which is a root"));
        Assert.That(Control(service, "dump=" + address).Output, Does.Contain(": reachable"));
        ToolResult json = Tool.Run("control", "-p", service.Number, "--format", "json", "who=" + address);
        Assert.That(json.Output, Does.Contain("\"schema\": \"nativeleak.answer/1\"").And.Contain("\"verdict\": \"reachable\""), json.ToString());
        service.Tell("hold 651");
        string[] pointers = [.. Control(service, "who=" + address).Output.Split('\n').Where(static line => line.StartsWith("  a pointer", StringComparison.Ordinal))];
        Assert.That(pointers.Where(static line => !line.EndsWith("which is dead: it does not count", StringComparison.Ordinal)), Is.Empty,
            "the questions hold nothing");
    }

    [Test]
    public void ScheduledScansAreSwitchedOnAndOff()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nl-");
        try
        {
            string report = Path.Join(folder.FullName, "report.txt");
            using Service service = Service.Watched("log_path=" + report).WithChannel();
            service.Tell("leak 3 900");
            Assert.That(Control(service, "scan=0.2").Output, Does.StartWith("a scan every 0.2 s"));
            Assert.That(SpinWait.SpinUntil(() => File.Exists(report), TimeSpan.FromMinutes(1)), Is.True);
            Assert.That(File.ReadAllText(report), Does.Contain("found by scheduled scan"));
            Assert.That(Control(service, "scan=off").Output, Is.EqualTo("scheduled scans are off\n"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void StackOffIsSaidInReports()
    {
        using Service service = Service.Watched().WithChannel();
        Assert.That(Control(service, "stack=off").Output, Is.EqualTo("scans do not read stacks and registers\n"));
        Assert.That(Control(service, "scan").Output, Does.Contain("WARNING: stacks and registers were not read"));
    }

    [Test]
    public void OffStopsTheDetectorAndNotTheProgram()
    {
        using Service service = Service.Watched().WithChannel();
        string socket = Path.Join("/tmp", service.SocketName);
        Assert.That(Control(service, "off").Output, Is.EqualTo("the detector is stopped\n"));
        Assert.That(SpinWait.SpinUntil(() => !File.Exists(socket), TimeSpan.FromMinutes(1)), Is.True);
        Assert.That(service.Tell("work 1000"), Is.EqualTo("done"));
        Assert.That(Control(service, "ping").Error, Does.Contain("is not watched"));
        Assert.That(service.End().ExitCode, Is.Zero);
    }

    [Test]
    public void AnUnknownCommandIsAUsageError()
    {
        using Service service = Service.Watched().WithChannel();
        ToolResult result = Control(service, "scram");
        Assert.That((result.ExitCode, result.Output), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(result.Error, Does.Contain("unknown command 'scram'").And.Contain("stack=on|off"));
        Assert.That(Control(service, "who=nowhere").ExitCode, Is.EqualTo(ExitCode.ToolFailed));
    }

    [Test]
    public void TheChannelIsItsOwnersAndGoesWithTheProcess()
    {
        using Service service = Service.Watched().WithChannel();
        string socket = Path.Join("/tmp", service.SocketName);
        Assert.That(File.GetUnixFileMode(socket), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(service.End().ExitCode, Is.Zero);
        Assert.That(File.Exists(socket), Is.False);
    }

    [TestCase("TERM", false)]
    [TestCase("KILL", true)]
    public void OnlyAKillLeavesTheNameAndTheNextLookTakesItAway(string signal, bool isLeft)
    {
        using Service service = Service.Watched("report_at=exit,signal").WithChannel();
        string socket = Path.Join("/tmp", service.SocketName);
        service.End(signal);
        Assert.That(File.Exists(socket), Is.EqualTo(isLeft));
        Assert.That(Tool.Run("ps").ExitCode, Is.Zero);
        Assert.That(File.Exists(socket), Is.False);
    }

    [Test]
    public void ControlOffIsNoChannel()
    {
        using Service service = Service.Watched("control=0");
        service.Tell("work 1000");
        Thread.Sleep(1000); // ten times as long as a channel takes to open
        Assert.That(File.Exists(Path.Join("/tmp", service.SocketName)), Is.False);
        using Service control = Service.Watched().WithChannel();
    }

    [Test]
    public void TheChannelIsWhereTheRuntimeHasItsOwn()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nl-");
        try
        {
            using Service service = Service.Watched("", ("TMPDIR", folder.FullName));
            string socket = Path.Join(folder.FullName, service.SocketName);
            Assert.That(SpinWait.SpinUntil(() => File.Exists(socket), TimeSpan.FromMinutes(1)), Is.True);
            Assert.That(Control(service, "ping").Output, Is.EqualTo("pong\n"), "from a tool with another TMPDIR");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void WhoServesAnothersNameIsNotBelieved()
    {
        using Service service = Service.Plain();
        string socket = Path.Join("/tmp", service.SocketName);
        using Socket impostor = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        impostor.Bind(new UnixDomainSocketEndPoint(socket));
        impostor.Listen();
        Assert.That(Control(service, "ping").Error, Does.Contain("served by another process"));
    }

    [Test]
    public void TheChannelUsesNothingOfTheProgramsPool()
    {
        using Service service = Service.Watched().WithChannel();
        string before = service.Tell("pool");
        for (int i = 0; i < 3; i++)
        {
            Control(service, "scan");
            Control(service, "status");
            Control(service, "sites");
        }

        Assert.That(service.Tell("pool"), Is.EqualTo(before));
    }

    [Test]
    public void OpeningTheChannelCompilesNextToNothing()
    {
        static int Compiled(string options)
        {
            using Service service = Service.Watched(options);
            Thread.Sleep(1500); // the channel, or else its absence, is long settled then
            Assert.That(File.Exists(Path.Join("/tmp", service.SocketName)), Is.EqualTo(options == "control=1"));
            return int.Parse(service.Tell("compiled"), System.Globalization.CultureInfo.InvariantCulture);
        }

        // The first start of a folder's assemblies may do more than those after it.
        Compiled("control=0");
        int without = Compiled("control=0"), with = Compiled("control=1");
        TestContext.Out.WriteLine($"{with} methods compiled with a channel, {without} without");
        Assert.That(with - without, Is.LessThanOrEqualTo(3));
    }

    private static ToolResult Control(Service service, string command) => Tool.Run("control", "-p", service.Number, command);
}
