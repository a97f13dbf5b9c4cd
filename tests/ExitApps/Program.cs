// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Runtime.InteropServices;
using NativeLeak.Options;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.ExitApps;

/// <summary>Ends in the way that the first argument names. The detector is started as the environment would start
/// it.</summary>
internal static partial class Program
{
    private const int NeverEnds = 99;

    private static readonly ManualResetEventSlim s_scanStarted = new();

    private static int Main(string[] arguments)
    {
        if (arguments[0] == "allocators")
        {
            return ShowAllocators();
        }

        if (HintPrograms.TryRun(arguments[0]) || QuestionPrograms.TryRun(arguments[0])
            || LevelPrograms.TryRun(arguments[0], name => Number(arguments, name, 0))
            || LifeCyclePrograms.TryRun(arguments[0], name => Number(arguments, name, 0))
            || DeltaPrograms.TryRun(arguments[0], name => Number(arguments, name, 0)))
        {
            return 0;
        }

        int leaks = Number(arguments, "leaks", 1);
        int scanMilliseconds = Number(arguments, "scan", 0);
        LeakDetectorOptions options = new(OptionReader.Read(new ProcessOptionSource(), isStartedByVariable: true));
        FakeScan scan = new(() => Scan(leaks, scanMilliseconds));
        DetectorSession session = new(
            options, new FakeFacts(), () => scan, TimeSpan.FromMilliseconds(Number(arguments, "limit", 20_000)));
        session.Start();
        Console.WriteLine("started");
        return End(arguments[0], session, Number(arguments, "code", 0));
    }

    private static FakeOutcome Scan(int leaks, int milliseconds)
    {
        s_scanStarted.Set();
        Thread.Sleep(milliseconds);
        return FakeOutcome.Of([.. Enumerable.Range(1, leaks).Select(static number => new LostBlock
        {
            Address = 0x10_0000u * (nuint)number,
            BlockByteCount = 64,
            Verdict = Verdict.Definite,
            Ordinal = (uint)number,
        })]);
    }

    private static int End(string way, DetectorSession session, int code)
    {
        switch (way)
        {
            case "return":
                return code;
            case "exit":
                Environment.Exit(code);
                return NeverEnds;
            case "exit-from-thread":
                new Thread(() => Environment.Exit(code)).Start();
                return Wait();
            case "throw":
                throw new InvalidOperationException("the application's own");
            case "throw-then-exit":
                AppDomain.CurrentDomain.UnhandledException += (_, _) => Environment.Exit(code);
                throw new InvalidOperationException("the application's own");
            case "signal":
                _ = kill(Environment.ProcessId, code);
                return Wait();
            case "signal-twice":
                _ = kill(Environment.ProcessId, code);
                s_scanStarted.Wait();
                _ = kill(Environment.ProcessId, code);
                return Wait();
            case "signal-then-return":
                _ = kill(Environment.ProcessId, code);
                s_scanStarted.Wait();
                return 0;
            case "handled-signal":
                return HandleSignal(code);
            case "exit-during-scan":
                _ = session.ScanAsync(CancellationToken.None);
                s_scanStarted.Wait();
                return code;
            default:
                throw new ArgumentException(way);
        }
    }

    // With the real detector: one line for each group, "method allocator line".
    private static int ShowAllocators()
    {
        LeakDetector.Start(new LeakDetectorOptions
        {
            MinimumAge = TimeSpan.Zero, MaximumLeaks = 0, FirstScan = TimeSpan.Zero, ReportAt = ReportOccasions.None,
        });
        AllocatorCatalog.LeakAll();
        LeakReport report = LeakDetector.Scan();
        foreach (LeakGroup group in report.Leaks)
        {
            LeakFrame? user = group.Stack.FirstOrDefault(static frame => !frame.IsFramework);
            Console.WriteLine($"{user?.Method} {group.Allocator} {user?.Line}");
        }

        return 0;
    }

    // As the generic host does it: take the signal, then return from Main.
    private static int HandleSignal(int signal)
    {
        using ManualResetEventSlim isAsked = new();
        using PosixSignalRegistration registration = PosixSignalRegistration.Create((PosixSignal)signal, context =>
        {
            context.Cancel = true;
            isAsked.Set();
        });
        _ = kill(Environment.ProcessId, signal);
        isAsked.Wait();
        return 0;
    }

    private static int Wait()
    {
        Thread.Sleep(TimeSpan.FromSeconds(60));
        return NeverEnds;
    }

    private static int Number(string[] arguments, string name, int otherwise)
        => Array.Find(arguments, argument => argument.StartsWith(name + "=", StringComparison.Ordinal)) is { } found
            ? int.Parse(found.AsSpan(name.Length + 1), CultureInfo.InvariantCulture)
            : otherwise;

    // signal.h
    [LibraryImport("libc")]
    private static partial int kill(int processId, int signal);
}
