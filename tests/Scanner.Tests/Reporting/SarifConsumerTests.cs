// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using NativeLeak.Baselines;
using NativeLeak.Reporting.Formats;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>The committee's own validator (schema of SARIF 2.1.0 and the rules beyond it) finds nothing wrong with our SARIF.</summary>
[TestFixture]
internal sealed class SarifConsumerTests
{
    private const string Package = "@microsoft/sarif-multitool-linux", Version = "5.7.0";

    private string _folder = string.Empty;

    [OneTimeSetUp]
    public void GetTheValidator()
    {
        _folder = Directory.CreateTempSubdirectory("nativeleak-sarif-").FullName;
        string tool = ValidatorPath();
        if (File.Exists(tool))
        {
            return;
        }

        if (!HasNpm())
        {
            Assert.Ignore("npm, which gets the validator, is not installed");
        }

        (int exitCode, string text) = Run("npm", "pack", "--silent", "--pack-destination", _folder, $"{Package}@{Version}");
        Assert.That(exitCode, Is.Zero, text);
        using FileStream packed = File.OpenRead(Directory.GetFiles(_folder, "*.tgz").Single());
        using GZipStream plain = new(packed, CompressionMode.Decompress);
        string unpacked = Directory.CreateDirectory(_folder + "/unpacked").FullName;
        TarFile.ExtractToDirectory(plain, unpacked, overwriteFiles: true);
        File.SetUnixFileMode(unpacked + "/package/Sarif.Multitool", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path.GetDirectoryName(tool)!);
        File.Move(unpacked + "/package/Sarif.Multitool", tool);
    }

    [OneTimeTearDown]
    public void Clean() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void NothingIsWrongWithAnyReport()
    {
        AcceptedLeaks accepted = new("accepted.json", new Dictionary<string, BlockTotal> { [SampleReports.Leaky.Leaks[0].Fingerprint] = new(1, 1) });
        (string Name, LeakReport Report)[] reports =
        [
            ("leaky", SampleReports.Leaky), ("clean", SampleReports.Clean), ("inconclusive", SampleReports.Inconclusive), ("hostile", FormatTests.HostileReport),
            ("baseline", BaselineComparison.Of(accepted, SampleReports.Leaky).Mark(SampleReports.Leaky)),
        ];
        foreach ((string name, LeakReport report) in reports)
        {
            Assert.That(Errors(name, SarifWriter.Write(report)), Is.Empty, name);
        }

        string broken = Encoding.UTF8.GetString(SarifWriter.Write(SampleReports.Leaky)).Replace("\"ruleId\"", "\"ruelId\"", StringComparison.Ordinal);
        Assert.That(Errors("broken", Encoding.UTF8.GetBytes(broken)), Has.Some.Contains("The schema does not define a property 'ruelId'"), "the control");
    }

    private string[] Errors(string name, byte[] sarif)
    {
        string path = $"{_folder}/{name}.sarif";
        File.WriteAllBytes(path, sarif);
        (_, string text) = Run(ValidatorPath(), "validate", path, "--output", path + ".result", "--log", "ForceOverwrite");
        Assert.That(text, Does.Contain("Analysis completed successfully."), name);
        return [.. text.Split('\n').Where(static line => line.Contains(": error ", StringComparison.Ordinal))];
    }

    // Kept beside what is built: it is 90 MB.
    private static string ValidatorPath() => Path.GetFullPath(Path.Join(AppContext.BaseDirectory, "..", "..", "..", "tools", "sarif-" + Version, "Sarif.Multitool"));

    private static bool HasNpm()
    {
        try
        {
            return Run("npm", "--version").ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static (int ExitCode, string Text) Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
