// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one run of benchmarks/Hello, without the startup hook, with the hook switched off, or with it on.
// Who calls it: the workload start.
// The one idea: the program tells its own CPU time as the first act of Main, so that what comes before Main and what
// comes after it (the exit scan) are told apart.
using System.Diagnostics;
using System.Globalization;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>Starts a program and takes its times.</summary>
internal static class HelloRun
{
    /// <summary>Runs it once.</summary>
    /// <exception cref="InvalidOperationException">The state is unknown, or the program failed.</exception>
    public static StartTimes Measure(string hello, string hook, string state)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, [hello]) { RedirectStandardOutput = true };
        start.Environment.Remove("DOTNET_STARTUP_HOOKS");
        start.Environment.Remove("NATIVELEAK");
        if (state is "off" or "on")
        {
            start.Environment["DOTNET_STARTUP_HOOKS"] = hook;
            start.Environment["NATIVELEAK"] = state;
        }
        else if (state != "plain")
        {
            throw new InvalidOperationException($"--peer '{state}' is none of plain, off, on");
        }

        double cpuBefore = PosixClock.ChildrenCpuMilliseconds;
        long begin = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        string? line = process.StandardOutput.ReadLine();
        double mainTime = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        process.WaitForExit();
        double exitTime = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        return process.ExitCode == 0 && line?.Split(' ') is ["hello", var cpu, var isWatched] && isWatched == (state == "on" ? "1" : "0")
            ? new StartTimes(mainTime, exitTime, double.Parse(cpu, CultureInfo.InvariantCulture),
                PosixClock.ChildrenCpuMilliseconds - cpuBefore)
            : throw new InvalidOperationException($"'{hello}' ended with {process.ExitCode} and said '{line}'");
    }
}
