// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the kernel writes one rusage into a local of that size.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>Clocks of the whole process and of the copies it made.</summary>
internal static unsafe class ProcessClock
{
    private const int Self = 0;
    private const int Children = -1;

    /// <summary>CPU time in s, user and system, of this process and of all children that have been waited for.</summary>
    public static double CpuSeconds => Read(Self) + Read(Children);

    /// <summary>Wall clock in s, from any start.</summary>
    public static double WallSeconds => (double)Stopwatch.GetTimestamp() / Stopwatch.Frequency;

    /// <summary>Resident bytes of this process.</summary>
    public static long ResidentByteCount => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;

    private static double Read(int who)
    {
        // A rusage is two timevals and fourteen longs.
        long* usage = stackalloc long[18];
        return getrusage(who, usage) == 0
            ? usage[0] + usage[2] + ((usage[1] + usage[3]) * 1e-6)
            : throw new InvalidOperationException("getrusage failed");
    }

    [DllImport("libc")]
    private static extern int getrusage(int who, long* usage);
}
