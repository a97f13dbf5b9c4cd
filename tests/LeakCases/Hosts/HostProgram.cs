// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: small programs with something to lose: output, an exit code, a way to die. Run with and without the
// detector, they must look the same from outside.
// Who calls it: Program, for `LeakCases --host NAME`.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;

namespace LeakCases.Hosts;

/// <summary>Programs that a detector must not change.</summary>
internal static class HostProgram
{
    /// <summary>Each program by its name; the result is the exit code.</summary>
    public static IReadOnlyDictionary<string, Func<int>> All { get; } = new Dictionary<string, Func<int>>
    {
        ["output"] = static () => PrintAndReturn(0),
        ["exit-code"] = static () => PrintAndReturn(7),
        ["exit-call"] = static () =>
        {
            PrintAndReturn(0);
            Environment.Exit(9);
            return 0;
        },
        ["unhandled-exception"] = static () => throw new InvalidOperationException("nobody handles this"),
        ["exception-on-other-thread"] = static () =>
        {
            new Thread(static () => throw new InvalidOperationException("nobody handles this")).Start();
            Thread.Sleep(Timeout.Infinite);
            return 0;
        },
        ["fail-fast"] = static () =>
        {
            Environment.FailFast("given up");
            return 0;
        },
        ["waiting-for-a-signal"] = static () =>
        {
            PrintAndReturn(0);
            Thread.Sleep(Timeout.Infinite);
            return 0;
        },
        ["work-at-exit"] = static () =>
        {
            AppDomain.CurrentDomain.ProcessExit += static (_, _) => Marshal.FreeHGlobal(Marshal.AllocHGlobal(100));
            return PrintAndReturn(0);
        },
        ["clone-and-reading-refused"] = static () =>
        {
            SystemCallFilter.RefuseForks();
            SystemCallFilter.RefuseReads();
            return PrintAndReturn(5);
        },
        ["only-clone-refused"] = static () =>
        {
            SystemCallFilter.RefuseForks();
            return PrintAndReturn(5);
        },
    };

    /// <summary>Loses a block and prints; what every program here does.</summary>
    public static int PrintAndReturn(int exitCode)
    {
        PlantingThread.Run(Leak);
        Console.Error.WriteLine("one line of errors");
        Console.WriteLine("one line of output");
        return exitCode;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Leak() => Marshal.AllocHGlobal(1777);
}
