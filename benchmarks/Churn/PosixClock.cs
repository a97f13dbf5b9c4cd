// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the kernel writes one timespec, or one rusage, into a local of that size.
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>
/// Clocks. CPU time leaves out what other programs did meanwhile; it does not leave out what they did to the caches.
/// </summary>
internal static unsafe class PosixClock
{
    private const int Monotonic = 1;
    private const int ThreadCpu = 3;
    private const int Children = -1;
    private const double NanosecondsPerSecond = 1e9;

    /// <summary>Wall clock in ns, from any start.</summary>
    public static double WallNanoseconds => Read(Monotonic);

    /// <summary>CPU time of the calling thread in ns.</summary>
    public static double ThreadCpuNanoseconds => Read(ThreadCpu);

    /// <summary>CPU time in ms, user and system, of all children that have been waited for.</summary>
    public static double ChildrenCpuMilliseconds
    {
        get
        {
            // A rusage is two timevals and fourteen longs.
            long* usage = stackalloc long[18];
            return getrusage(Children, usage) == 0
                ? ((usage[0] + usage[2]) * 1e3) + ((usage[1] + usage[3]) * 1e-3)
                : throw new InvalidOperationException("getrusage failed");
        }
    }

    private static double Read(int clock)
    {
        long* time = stackalloc long[2];
        return clock_gettime(clock, time) == 0
            ? (time[0] * NanosecondsPerSecond) + time[1]
            : throw new InvalidOperationException("clock_gettime failed");
    }

    [DllImport("libc")]
    private static extern int clock_gettime(int clock, long* time);

    [DllImport("libc")]
    private static extern int getrusage(int who, long* usage);
}
