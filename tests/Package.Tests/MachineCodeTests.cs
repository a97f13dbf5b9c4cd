// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the proof that an intercepted call costs nothing in a process in which NATIVELEAK is not set.
// The one idea: the runtime prints the machine code of the same method, built with interceptors and without; at the last tier
// the texts must be equal. The same comparison must fail where the variable is set.
using System.Text.RegularExpressions;

namespace NativeLeak.Package.Tests;

/// <summary>Machine code of a method with intercepted calls, and of the same with the originals.</summary>
[TestFixture]
internal sealed partial class MachineCodeTests
{
    [Test]
    public void Off_an_intercepted_call_is_the_original_to_the_last_instruction()
    {
        string intercepted = Listing(ConsumerTests.Plain);
        Assert.That(intercepted, Does.Contain("Interop+Sys:").And.Not.Contain("NativeLeak"));
        Assert.That(intercepted, Is.EqualTo(Listing(Consumer.Build("not-intercepted", "-p:NativeLeakIntercept=false"))));
    }

    [Test]
    public void Control_on_they_differ()
        => Assert.That(Listing(ConsumerTests.Plain, ("NATIVELEAK", "on")), Is.Not.EqualTo(Listing(ConsumerTests.Plain)));

    private static string Listing(string program, params (string Name, string Value)[] variables)
    {
        string path = Path.GetTempFileName();
        try
        {
            ChildResult result = ConsumerTests.Run(program, ["spin"],
            [
                .. variables, ("DOTNET_JitStdOutFile", path), ("DOTNET_JitDisasm", "Pair"), ("DOTNET_JitDisasmDiffable", "1"),
                ("DOTNET_TieredPGO", "0"),
            ]);
            Assert.That(result.ExitCode, Is.Zero, result.Error);
            Match last = Assembly().Match(File.ReadAllText(path));
            Assert.That(last.Success, File.ReadAllText(path));
            return string.Join('\n', last.Groups["code"].Value.Split('\n').Where(line => line.Trim().Length > 0 && !line.StartsWith(';')));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [GeneratedRegex(
        @"^; Assembly listing for method \S+:Pair\([^)]*\)(:\S+)? \(Tier1\)\n(?<code>.*?)^; Total bytes of code",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Assembly();
}
