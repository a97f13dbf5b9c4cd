// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using NativeLeak.Build;

namespace NativeLeak.Package.Tests;

/// <summary>A program that only added the package.</summary>
[TestFixture]
internal sealed class ConsumerTests
{
    private const string Loses = "AllocHGlobal(100)";
    private const string Zeroed = "AllocZeroed(30, 7)";
    private static readonly ChildResult s_silent = new(0, "done\n", "");

    [Test]
    public void Without_the_variable_nothing_is_said()
        => Assert.That(Run(Plain, []), Is.EqualTo(s_silent));

    [Test]
    public void With_the_variable_every_leak_is_named_by_its_line()
    {
        ChildResult result = Run(Plain, [], ("NATIVELEAK", "on"));
        Assert.Multiple(() =>
        {
            Assert.That((result.ExitCode, result.Output), Is.EqualTo((0, "done\n")));
            Assert.That(result.Error, Does.Contain("runtime hook"));
            Assert.That(result.Error, Does.Match($@"#0 at Leaks\.Lose\(\) in \S*Program\.cs:{Consumer.LineOf(Loses)}\n"), result.Error);
            Assert.That(result.Error, Does.Match($@"#0 at Leaks\.Lose\(\) in \S*Program\.cs:{Consumer.LineOf(Zeroed)}\n"));
        });
    }

    [Test]
    public void A_block_is_counted_once()
    {
        using JsonDocument report = Report(Plain, ("NATIVELEAK", "on"));
        Assert.That(Live(report), Is.EqualTo((40, 20 * (100 + 210))));
    }

    [TestCase("", 23)]
    [TestCase("fail", 5)]
    public void The_exit_code_tells_of_leaks_only_in_place_of_success(string argument, int expected)
        => Assert.That(Run(Plain, [argument], ("NATIVELEAK", "on"), ("NATIVELEAK_FAIL_ON", "definite")).ExitCode, Is.EqualTo(expected));

    [Test]
    public void AutoStart_false_leaves_the_start_to_code()
    {
        string program = Consumer.Build("manual", "-p:NativeLeakAutoStart=false");
        Assert.Multiple(() =>
        {
            Assert.That(Run(program, [], ("NATIVELEAK", "on")), Is.EqualTo(s_silent));
            ChildResult started = Run(program, ["start"], ("NATIVELEAK_FAIL_ON", "none"));
            Assert.That((started.ExitCode, started.Output), Is.EqualTo((0, "done\n")));
            Assert.That(started.Error, Does.Contain($"Program.cs:{Consumer.LineOf(Loses)}"));
        });
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Property_and_variable_together_start_it_once(bool isOwnHook)
    {
        string hook = isOwnHook
            ? Path.Combine(Path.GetDirectoryName(Plain)!, "runtimes", "linux-x64", "lib", "net10.0", "NativeLeak.StartupHook.dll")
            : Repository.StartupHook;
        Assert.That(hook, Does.Exist);
        ChildResult result = Run(Plain, [], ("NATIVELEAK", "on"), ("DOTNET_STARTUP_HOOKS", hook));
        Assert.Multiple(() =>
        {
            Assert.That((result.ExitCode, result.Output), Is.EqualTo((0, "done\n")), result.Error);
            Assert.That(result.Error.Split("SUMMARY: NativeLeak:"), Has.Length.EqualTo(2), result.Error);
            Assert.That(result.Error, Does.Contain("live 6200 byte(s) in 40 block(s)"));
        });
    }

    [Test]
    public void Another_hook_of_the_project_is_kept()
    {
        string program = Consumer.Build("other-hook", "-p:NativeLeakOtherHook=System.Private.Uri");
        string settings = File.ReadAllText(Path.ChangeExtension(program, ".runtimeconfig.json"));
        Assert.That(settings, Does.Contain($"\"STARTUP_HOOKS\": \"System.Private.Uri{Path.PathSeparator}NativeLeak.StartupHook\""));
    }

    internal static string Plain => Consumer.Build("plain");

    internal static ChildResult Run(string program, string[] arguments, params (string Name, string Value)[] variables)
        => program.EndsWith(".dll", StringComparison.Ordinal)
            ? ChildProcess.Run("dotnet", ["exec", program, .. arguments], variables)
            : ChildProcess.Run(program, arguments, variables);

    internal static JsonDocument Report(string program, params (string Name, string Value)[] variables)
    {
        ChildResult result = Run(program, [], [.. variables, ("NATIVELEAK_FORMAT", "json")]);
        Assert.That(result.Output, Is.EqualTo("done\n"), result.Error);
        Assert.That(result.Error, Does.StartWith("{"), result.Error);
        return JsonDocument.Parse(result.Error);
    }

    internal static (int Blocks, int Bytes) Live(JsonDocument report)
    {
        JsonElement live = report.RootElement.GetProperty("totals").GetProperty("live");
        return (live.GetProperty("blocks").GetInt32(), live.GetProperty("bytes").GetInt32());
    }
}
