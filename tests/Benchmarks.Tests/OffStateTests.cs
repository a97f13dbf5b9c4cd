// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the proof that a drop-in costs nothing in a process in which NATIVELEAK is not set.
// The one idea: the runtime prints the machine code of two methods that differ only in whose member they call; at the last
// tier the texts must be equal, addresses of call targets included. The same comparison must fail where the switch is on.
using System.Text.RegularExpressions;

namespace NativeLeak.Benchmarks.Tests;

/// <summary>Machine code of original and drop-in, off and on.</summary>
[TestFixture]
internal sealed partial class OffStateTests
{
    private const string LastTier = "Tier1";
    private static readonly string[] s_subjects = ["Memory", "Zeroed", "Realloc", "Aligned", "HGlobal", "CoTaskMem"];
    private static readonly Lazy<Dictionary<string, string>> s_unset = new(() => Disassemble([]));
    private static readonly Lazy<Dictionary<string, string>> s_on = new(() => Disassemble(new() { ["NATIVELEAK"] = "on" }));

    [TestCaseSource(nameof(s_subjects))]
    public void OffTheDropInIsTheOriginalToTheLastInstruction(string subject) => Assert.Multiple(() =>
    {
        Assert.That(s_unset.Value, Does.ContainKey("Plain" + subject).And.ContainKey("DropIn" + subject));
        Assert.That(s_unset.Value["DropIn" + subject], Is.EqualTo(s_unset.Value["Plain" + subject]));
        Assert.That(s_unset.Value["DropIn" + subject], Does.Contain("Interop+Sys:").And.Not.Contain("NativeLeak"));
    });

    [TestCaseSource(nameof(s_subjects))]
    public void ControlOnTheyDiffer(string subject)
        => Assert.That(s_on.Value["DropIn" + subject], Is.Not.EqualTo(s_on.Value["Plain" + subject]));

    // Marshal.AllocHGlobal is NativeMemory.Alloc to the compiler; these are not.
    [Test]
    public void ControlDifferentMembersDiffer()
        => Assert.That((string[])[s_unset.Value["PlainMemory"], s_unset.Value["PlainZeroed"], s_unset.Value["PlainAligned"]], Is.Unique);

    // The instructions of each method at the last tier, by the method's name.
    private static Dictionary<string, string> Disassemble(Dictionary<string, string> variables)
    {
        string path = Path.GetTempFileName();
        try
        {
            variables["DOTNET_JitStdOutFile"] = path;
            variables["DOTNET_JitDisasm"] = "Plain* DropIn*";
            (int exitCode, string output, string error) = WorkloadProcess.Run(variables, "off-state");
            Assert.That(exitCode, Is.Zero, output + error);
            return Listing().Matches(File.ReadAllText(path))
                .Where(match => match.Groups["tier"].Value == LastTier)
                .ToDictionary(match => match.Groups["method"].Value, match => Instructions(match.Groups["code"].Value));
        }
        finally
        {
            File.Delete(path);
        }
    }

    // Without the header, which counts inlined methods, and without empty lines.
    private static string Instructions(string code) => string.Join('\n', code.Split('\n')
        .Where(line => line.Trim().Length > 0 && !line.StartsWith(';')));

    [GeneratedRegex(
        @"^; Assembly listing for method \S+:(?<method>\w+)\([^)]*\)(:\S+)? \((?<tier>[^)]*)\)\n(?<code>.*?)^; Total bytes of code",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Listing();
}
