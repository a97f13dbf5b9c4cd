// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;

namespace NativeLeak.Litmus.Tests;

/// <summary>Every race in its short form: control first, until it is caught, then the real code three times as long.</summary>
[TestFixture]
internal sealed class LitmusTests
{
    private static readonly string[] s_races = [.. Race.All.Select(race => race.Name)];

    [TestCaseSource(nameof(s_races))]
    public void TheControlIsCaughtAndTheRealCodeHolds(string race)
    {
        (int exitCode, string output) = Run("--race", race, "--seconds", "1", "--times", "3", "--control-seconds", "300");
        Assert.That(exitCode, Is.EqualTo(ExitCode.Pass), output);
        Assert.That(output, Does.Contain("caught in").And.Contain("1 passed, 0 violated, 0 inconclusive"));
    }

    [Test]
    public void ADebugBuildFindsTheLocksTakenInOrderAndCatchesAWrongOrder()
    {
        (int exitCode, string output) = RunProgram(DebugProgram, "--race", "lock-order", "--race", "reclaim-reader",
            "--seconds", "1", "--times", "1", "--control-seconds", "300");
        Assert.That(exitCode, Is.EqualTo(ExitCode.Pass), output);
        Assert.That(output, Does.Contain("rank Stripe is taken while one of rank Slab is held").And.Contain("2 passed"));
    }

    [Test]
    public void AViolationIsPrintedAndIsTheExitCode()
    {
        (int exitCode, string output) = Run("--race", "double-free", "--seconds", "300", "--broken");
        Assert.That(exitCode, Is.EqualTo(ExitCode.Violation), output);
        Assert.That(output, Does.Contain("VIOLATION after").And.Contain("of two frees of one block"));
    }

    [Test]
    public void ARunWhoseControlWasNotCaughtIsNotAPass()
    {
        StringWriter output = new();
        LitmusOptions options = new([new TameRace(isRaced: true)], Seconds: 0, Rounds: 0, Times: 1, ControlSeconds: 0,
            RunsBroken: false, ShowsHelp: false);
        Assert.That(new RaceRunner(options, output).Run(), Is.EqualTo(ExitCode.Inconclusive));
        Assert.That(output.ToString(), Does.Contain("the control was not caught in 1 rounds"));
    }

    [Test]
    public void ARunInWhichTheSidesNeverMetIsNotAPass()
    {
        StringWriter output = new();
        LitmusOptions options = new([new TameRace(isRaced: false)], Seconds: 0, Rounds: 20, Times: 1, ControlSeconds: 0,
            RunsBroken: false, ShowsHelp: false);
        Assert.That(new RaceRunner(options, output).Run(), Is.EqualTo(ExitCode.Inconclusive));
        Assert.That(output.ToString(), Does.Contain("never met in 20 rounds"));
    }

    [Test]
    public void HelpNamesEveryOptionAndEveryRace()
    {
        (int exitCode, string output) = Run("--help");
        Assert.That(exitCode, Is.EqualTo(ExitCode.Pass));
        Assert.That(s_races.Where(race => !output.Contains(race, StringComparison.Ordinal)), Is.Empty);
        Assert.That(output, Does.Contain("--rounds").And.Contain("--control-seconds").And.Contain("3 inconclusive"));
    }

    [TestCase("--nonsense")]
    [TestCase("--race")]
    [TestCase("--race", "no-such-race")]
    [TestCase("--seconds", "soon")]
    public void WrongWordsAreAUsageError(params string[] words)
        => Assert.That(Run(words), Is.EqualTo((ExitCode.Usage, string.Empty)));

    // The program itself, since its exit code is what it is for.
    private static (int ExitCode, string Output) Run(params string[] words)
        => RunProgram(typeof(Race).Assembly.Location, words);

    // artifacts/bin/NativeLeak.Litmus/debug, beside artifacts/bin/NativeLeak.Litmus.Tests/release.
    private static string DebugProgram => Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "..", "..", "NativeLeak.Litmus", "debug", "NativeLeak.Litmus.dll"));

    private static (int ExitCode, string Output) RunProgram(string program, params string[] words)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, [program, .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) != "dotnet")
        {
            start.FileName = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        _ = error.Result;
        return (process.ExitCode, output);
    }

    /// <summary>A race whose control is never caught, or that never races.</summary>
    private sealed class TameRace(bool isRaced) : Race
    {
        public override string Name => "tame";

        public override string Summary => "nothing races with nothing";

        public override string Control => "lacks nothing";

        public override Batch Run(bool broken, uint seed)
            => new(Rounds: 1, Raced: isRaced ? 1 : 0, Violations: broken && !isRaced ? 1 : 0, Seen: null);
    }
}
