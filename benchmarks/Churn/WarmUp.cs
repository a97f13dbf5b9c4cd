// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: repeats work until the just-in-time compiler has come to rest.
// Who calls it: each workload that is timed, before its clock runs.
// The one idea: optimised code moves return addresses, so each new body makes new call stacks; two pauses in which no
// method was compiled say that it is over.
using System.Runtime;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>Warming up.</summary>
internal static class WarmUp
{
    /// <summary>Milliseconds between rounds; the runtime promotes methods 100 ms after the last new one.</summary>
    public const int DefaultPause = 150;

    private const int MostRounds = 20;
    private const int LeastRounds = 3;
    private const int QuietRounds = 2;

    /// <summary>Runs <paramref name="work"/> several times.</summary>
    public static void Run(int pause, Action work)
    {
        int quiet = 0;
        for (int i = 0; i < MostRounds && (i < LeastRounds || quiet < QuietRounds); i++)
        {
            long compiled = JitInfo.GetCompiledMethodCount();
            work();
            Thread.Sleep(pause);
            quiet = JitInfo.GetCompiledMethodCount() == compiled ? quiet + 1 : 0;
        }
    }
}
