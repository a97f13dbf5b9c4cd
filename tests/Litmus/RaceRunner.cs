// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: control first, then the real code, and the verdict.
// The one idea: "no violation" says something only after the same rounds have caught a variant that is known to be wrong.
using System.Diagnostics;
using System.Globalization;

namespace NativeLeak.Litmus;

/// <summary>Runs races and prints one verdict a race.</summary>
internal sealed class RaceRunner(LitmusOptions options, TextWriter output)
{
    private uint _seed = 1;

    /// <summary>Runs all; the worst verdict decides the exit code.</summary>
    public int Run()
    {
        int passed = 0, violated = 0, inconclusive = 0;
        foreach (Race race in options.Races)
        {
            int result = Run(race);
            passed += result == ExitCode.Pass ? 1 : 0;
            violated += result == ExitCode.Violation ? 1 : 0;
            inconclusive += result == ExitCode.Inconclusive ? 1 : 0;
        }

        Say($"{passed} passed, {violated} violated, {inconclusive} inconclusive");
        return violated > 0 ? ExitCode.Violation : inconclusive > 0 ? ExitCode.Inconclusive : ExitCode.Pass;
    }

    private int Run(Race race)
    {
        Say($"── {race.Name}: {race.Summary}");
        Say($"   control: {race.Control}");
        Stopwatch watch = Stopwatch.StartNew();
        Batch control = Repeat(race, broken: true,
            so => so.Violations > 0 || watch.Elapsed.TotalSeconds >= options.ControlSeconds);
        if (control.Violations == 0)
        {
            Say($"   INCONCLUSIVE: the control was not caught in {control.Rounds:N0} rounds");
            return ExitCode.Inconclusive;
        }

        Say($"   caught in {control.Rounds:N0} rounds: {control.Seen}");
        watch.Restart();
        Batch real = Repeat(race, options.RunsBroken, so => so.Violations > 0
            || (watch.Elapsed.TotalSeconds >= options.Seconds && so.Rounds >= options.Rounds
                && (so.Rounds >= control.Rounds * options.Times
                    || watch.Elapsed.TotalSeconds >= options.Seconds + options.ControlSeconds)));
        if (real.Violations > 0)
        {
            Say($"   VIOLATION after {real.Rounds:N0} rounds: {real.Seen}");
            return ExitCode.Violation;
        }

        if (real.Raced == 0)
        {
            Say($"   INCONCLUSIVE: the two sides never met in {real.Rounds:N0} rounds");
            return ExitCode.Inconclusive;
        }

        Say($"   pass: {real.Rounds:N0} rounds, {real.Raced:N0} of them raced, none wrong");
        return ExitCode.Pass;
    }

    private Batch Repeat(Race race, bool broken, Func<Batch, bool> isEnough)
    {
        Batch sum = default;
        do
        {
            sum += race.Run(broken, _seed++);
            // The control of one race must not fail an assertion that the next is then blamed for.
            if (AssertionLog.Take() is { } assertion)
            {
                sum += new Batch(Rounds: 0, Raced: 0, Violations: 1, Seen: assertion);
            }
        }
        while (!isEnough(sum));

        return sum;
    }

    private void Say(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
