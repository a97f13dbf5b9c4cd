// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Cli.Tests.Processes;

/// <summary>A process that was started plainly gets the detector while it runs.</summary>
[TestFixture]
internal sealed class AttachTests
{
    [Test]
    public void LeaksMadeAfterAttachingAreFoundAndThoseBeforeAreNot()
    {
        using Service service = Service.Plain();
        service.Tell("leak 3 1111");
        ToolResult attached = Tool.Run("attach", "-p", service.Number);
        Assert.That(attached.ExitCode, Is.Zero, attached.ToString());
        Assert.That(attached.Output, Does.StartWith($"attached to process {service.Id} (ServiceApp), level on\nseen: runtime hook (exports); not seen: ")
            .And.Contain("blocks allocated before the detector started"));
        service.Tell("leak 7 2222");
        ToolResult scan = Tool.Run("scan", "-p", service.Number, "--min-age", "0", "--format", "json", "--fail-on", "definite");
        Assert.That(scan.ExitCode, Is.EqualTo(ExitCode.Leaks), scan.ToString());
        using JsonDocument report = JsonDocument.Parse(scan.Output);
        JsonElement[] groups = [.. report.RootElement.GetProperty("leaks").EnumerateArray()];
        long ofService = groups.Where(static group => IsLeakOfService(group)).Sum(static group => group.GetProperty("blocks").GetInt64());
        Assert.That(ofService, Is.GreaterThanOrEqualTo(6), "of seven, one may have left its address somewhere");
        Assert.That(scan.Output, Does.Contain("\"size\": 2222").And.Not.Contain("\"size\": 1111"));

        ToolResult end = service.End();
        Assert.That((end.ExitCode, end.Output, end.Error), Is.EqualTo((0, "", "")), "the program notices nothing");
    }

    [Test]
    public void AProgramThatHasCopiedItsEnvironmentCanBeAttachedToAndKeepsIt()
    {
        using Service service = Service.Plain();
        Assert.That(service.Tell("variables"), Is.Empty);
        Assert.That(Tool.Run("attach", "-p", service.Number, "--level", "count").Output, Does.Contain("level count"));
        Assert.That(service.Tell("variables"), Is.Empty);
    }

    [Test]
    public void ASwitchedOffHookIsSwitchedOnByAttaching()
    {
        using Service service = Service.Plain(("DOTNET_STARTUP_HOOKS", Artifacts.Hook), ("NATIVELEAK", "off"));
        ToolResult attached = Tool.Run("attach", "-p", service.Number, "--level", "paranoid");
        Assert.That((attached.ExitCode, attached.Output.Split('\n')[0]),
            Is.EqualTo((0, $"attached to process {service.Id} (ServiceApp), level paranoid")), attached.ToString());
    }

    [Test]
    public void AWatchedProcessIsNotAttachedToAgain()
    {
        using Service service = Service.Watched().WithChannel();
        Assert.That(Tool.Run("attach", "-p", service.Number).Output, Does.StartWith($"already watched: process {service.Id}"));
    }

    [Test]
    public void OptionsReachTheDetectorAndItsReportsTheFile()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nl-");
        try
        {
            using Service service = Service.Plain();
            string path = Path.Join(folder.FullName, "{app}.json");
            ToolResult attached = Tool.Run(
                "attach", "-p", service.Number, "--option", "log_path=" + path, "--option", "format=json", "--option", "report_at=exit,signal");
            Assert.That(attached.ExitCode, Is.Zero, attached.ToString());
            service.Tell("leak 5 3333");
            ToolResult end = service.End();
            Assert.That((end.ExitCode, end.Error), Is.EqualTo((0, "")));
            string report = File.ReadAllText(Path.Join(folder.FullName, "ServiceApp.json"));
            Assert.That(report, Does.Contain("\"reason\": \"exit\"").And.Contain("Service.Leak"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void NothingIsLeftWhereItCannotBeDone()
    {
        using Service service = Service.Plain(("DOTNET_EnableDiagnostics", "0"));
        ToolResult attached = Tool.Run("attach", "-p", service.Number);
        Assert.That((attached.ExitCode, attached.Output), Is.EqualTo((ExitCode.ToolFailed, "")));
        Assert.That(attached.Error, Does.Contain("no diagnostics port"));
        Assert.That(Directory.GetFiles("/tmp", $"nativeleak-{service.Id}-attach"), Is.Empty);
        Assert.That(service.Tell("work 10"), Is.EqualTo("done"));
    }

    [Test]
    public void AProgramUnderLoadIsAttachedTo()
    {
        using Service service = Service.Plain();
        Task<string> work = Task.Run(() => service.Tell("work 3000000"));
        ToolResult attached = Tool.Run("attach", "-p", service.Number);
        Assert.That(attached.ExitCode, Is.Zero, attached.ToString());
        Assert.That(work.Result, Is.EqualTo("done"));
        Assert.That(Tool.Run("scan", "-p", service.Number, "--min-age", "0").ExitCode, Is.Zero);
        Assert.That(service.End().ExitCode, Is.Zero);
    }

    private static bool IsLeakOfService(JsonElement group) => group.GetProperty("stack").EnumerateArray()
        .Any(static frame => frame.GetProperty("method").GetString()!.StartsWith("Service.Leak", StringComparison.Ordinal));
}
