// Licensed under the MIT License. See LICENSE in the repository root.
using System.IO.Compression;

namespace NativeLeak.Cli.Tests;

/// <summary>The tool as users have it: packed, installed, run.</summary>
[TestFixture]
internal sealed class PackageTests
{
    [Test]
    public void TheInstalledToolRunsAndAttaches()
    {
        string folder = Directory.CreateTempSubdirectory("nl-").FullName;
        try
        {
            _ = Artifacts.Hook;
            (string, string)[] variables =
                [("DOTNET_CLI_TELEMETRY_OPTOUT", "1"), ("DOTNET_NOLOGO", "1"), ("MSBUILDDISABLENODEREUSE", "1"), ("DOTNET_CLI_USE_MSBUILD_SERVER", "0")];
            ToolResult pack = Tool.RunProgram(
                "dotnet", ["pack", Path.Join(Artifacts.Root, "src", "Cli", "NativeLeak.Cli.csproj"), "-c", "Release", "-o", folder, "-v:q", "-nologo", "--no-build"], variables);
            Assert.That(pack.ExitCode, Is.Zero, pack.ToString());
            string package = Directory.GetFiles(folder, "dotnet-nativeleak.*.nupkg").Single();
            using (ZipArchive archive = ZipFile.OpenRead(package))
            {
                Assert.That(archive.Entries.Select(static entry => entry.FullName),
                    Has.Some.EqualTo("tools/net10.0/any/inject/NativeLeak.StartupHook.dll").And.Some.EqualTo("tools/net10.0/any/inject/libMonoPosixHelper.so"));
            }

            string tools = Path.Join(folder, "tools"), config = Path.Join(folder, "nuget.config");
            File.WriteAllText(config, $"<configuration><packageSources><clear/><add key=\"local\" value=\"{folder}\"/></packageSources></configuration>");
            ToolResult install = Tool.RunProgram(
                "dotnet", ["tool", "install", "dotnet-nativeleak", "--tool-path", tools, "--configfile", config, "--no-cache"],
                [.. variables, ("NUGET_PACKAGES", Path.Join(folder, "cache"))]);
            Assert.That(install.ExitCode, Is.Zero, install.ToString());

            string tool = Path.Join(tools, "dotnet-nativeleak");
            ToolResult run = Tool.RunProgram("sh", ["-c", "printf 'leak 3 100\\n' | \"$@\"", "sh", tool, "run", "--", "dotnet", "exec", Artifacts.ServiceApp]);
            Assert.That(run.ExitCode, Is.EqualTo(ExitCode.Leaks), run.ToString());
            Assert.That(run.Error, Does.Contain("300 byte(s) leaked in 3 block(s)"));

            using Service service = Service.Plain();
            ToolResult attach = Tool.RunProgram(tool, ["attach", "-p", service.Number]);
            Assert.That(attach.ExitCode, Is.Zero, attach.ToString());
            service.Tell("leak 4 200");
            Assert.That(Tool.RunProgram(tool, ["scan", "-p", service.Number, "--min-age", "0"]).Output, Does.Contain("Service.Leak(int, int)"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
