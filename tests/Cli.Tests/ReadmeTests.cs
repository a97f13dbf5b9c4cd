// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Tests;

/// <summary>The commands of README's section on the tool are run as they stand there.</summary>
[TestFixture]
internal sealed class ReadmeTests
{
    private static readonly Dictionary<string, int> s_exitCodes = new() { ["run"] = ExitCode.Leaks };

    [Test]
    public void EveryCommandWorks()
    {
        string[] commands = [.. File.ReadLines(Path.Join(Artifacts.Root, "README.md"))
            .SkipWhile(static line => line != "## The tool").Skip(1)
            .TakeWhile(static line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(static line => line.StartsWith("dotnet nativeleak ", StringComparison.Ordinal))
            .Select(static line => line.Split('#')[0].Trim())];
        string[] verbs = [.. commands.Select(static command => command.Split(' ')[2])];
        Assert.That(verbs.Distinct(), Is.EquivalentTo(CommandLine.Verbs.Select(static verb => verb.Name)));

        string folder = Directory.CreateTempSubdirectory("nl-").FullName;
        try
        {
            foreach (string name in (string[])["ServiceApp.dll", "ServiceApp.runtimeconfig.json", "ServiceApp.deps.json", "ServiceApp.pdb"])
            {
                File.Copy(Path.Join(Path.GetDirectoryName(Artifacts.ServiceApp), name), Path.Join(folder, name.Replace("ServiceApp", "app", StringComparison.Ordinal)));
            }

            using Service service = Service.Plain();
            foreach (string command in commands)
            {
                string line = command.Replace("dotnet nativeleak", $"dotnet exec '{Artifacts.Tool}'", StringComparison.Ordinal)
                    .Replace("1234", service.Number, StringComparison.Ordinal)
                    .Replace("dotnet app.dll", $"dotnet exec '{Artifacts.ServiceApp}'", StringComparison.Ordinal);
                ToolResult result = Tool.RunProgram("sh", ["-c", $"cd '{folder}' && printf 'leak 3 100\\n' | {line}"]);
                Assert.That(result.ExitCode, Is.EqualTo(s_exitCodes.GetValueOrDefault(command.Split(' ')[2])), command + "\n" + result);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
