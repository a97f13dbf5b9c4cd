// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.StartupHook.Tests.Hosts;

/// <summary>The way of a known leak: seen once, its lines written to a file, then not reported.</summary>
[TestFixture]
internal sealed class SuppressionTests
{
    [Test]
    public void TheLinesThatAReportGeneratesSilenceTheNextRun()
    {
        using InjectFolder inject = InjectFolder.Create();
        string folder = Directory.CreateTempSubdirectory("nativeleak-suppressions-").FullName;
        try
        {
            string report = Path.Join(folder, "report.json"), known = Path.Join(folder, "known.txt");
            (string, string?)[] variables =
            [
                ("DOTNET_STARTUP_HOOKS", inject.Hook), ("NATIVELEAK", "on"), ("NATIVELEAK_FAIL_ON", "definite"),
                ("NATIVELEAK_FORMAT", "json"), ("NATIVELEAK_LOG_PATH", report),
            ];
            ChildResult first = ChildProcess.Dotnet(Apps.HostedApp, ["web"], variables);
            JsonElement leaks = ReportReader.Read(report).GetProperty("leaks");
            Assert.That((first.ExitCode, leaks.GetArrayLength() > 0), Is.EqualTo((23, true)), first.Error);
            File.WriteAllLines(known, ["# known", .. leaks.EnumerateArray().Select(static leak => leak.GetProperty("suppression").GetString()!)]);

            ChildResult second = ChildProcess.Dotnet(Apps.HostedApp, ["web"], [.. variables, ("NATIVELEAK_SUPPRESSIONS", known)]);
            JsonElement silent = ReportReader.Read(report);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(second.ExitCode, Is.Zero, second.Error);
                Assert.That(silent.Blocks("definite"), Is.Zero);
                Assert.That(silent.Blocks("suppressed"), Is.GreaterThan(100));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
