// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: whether a native thread of this process is still there.
// Who calls it: EpochDomain, about the owners of slots.
// The one idea: "ended" is said only when it is certain; every doubt means alive, which costs memory and never safety.
using System.Globalization;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>Asks the kernel about threads.</summary>
internal static class ThreadLife
{
    private const nint NoSuchProcess = -3;

    // Field 22 of a task's stat file; the command name before it may hold blanks, so fields are counted behind its ')'.
    private const int StartFieldBehindName = 19;

    // What the files count in (USER_HZ, fixed for user space on x64), and how much they may be off.
    private const double TicksPerSecond = 100;
    private static readonly TimeSpan s_tolerance = TimeSpan.FromSeconds(1);

    /// <summary>Whether the process has no thread with this id. One system call, no GC memory.</summary>
    public static bool HasEnded(int threadId)
        => RawSyscall.Invoke(SyscallNumber.Tgkill, Environment.ProcessId, threadId, 0) == NoSuchProcess;

    /// <summary>
    /// Whether the thread that bears the id now was born later than <paramref name="age"/> ago, so that it is not the one
    /// that did something then. Cold: reads two files.
    /// </summary>
    public static bool IsYounger(int threadId, TimeSpan age)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{threadId}/stat"));
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            double born = double.Parse(fields[StartFieldBehindName], CultureInfo.InvariantCulture) / TicksPerSecond;
            double now = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
            return TimeSpan.FromSeconds(now - born) + s_tolerance < age;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or FormatException
            or IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            // No /proc, or the thread ended between two looks: nothing is certain.
            return false;
        }
    }
}
