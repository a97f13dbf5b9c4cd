// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a debugger with nothing but ptrace: it attaches to every thread of its parent, follows new threads and
// processes, and lets everything go on as it would without it.
// Who calls it: the host programs "debugged", which starts it, and "tracer", which it is.
// The one idea: what a debugger does to signals, new threads and children happens here too, on any machine.
using System.Diagnostics;
using LeakCases.Planting;

namespace LeakCases.Hosts;

/// <summary>A debugger.</summary>
internal static unsafe class Tracer
{
    private const string Attached = "attached";
    private const int WaitAll = 0x4000_0000;
    private const nint PTRACE_CONT = 7;
    private const nint PTRACE_SEIZE = 0x4206;
    private const nint PTRACE_LISTEN = 0x4208;

    // PTRACE_O_TRACEFORK, TRACEVFORK, TRACECLONE, TRACEEXEC.
    private const nint Options = 0x2 | 0x4 | 0x8 | 0x10;
    private const nint PTRACE_GETEVENTMSG = 0x4201;
    private const int PTRACE_EVENT_FORK = 1;
    private const int PTRACE_EVENT_VFORK = 2;
    private const int PTRACE_EVENT_CLONE = 3;
    private const int PTRACE_EVENT_STOP = 128;
    private const int SIGTRAP = 5;

    /// <summary>Starts a tracer of this process and waits until it has attached.</summary>
    public static void AttachToThisProcess()
    {
        const int PR_SET_PTRACER = 0x5961_6D61;
        _ = Libc.prctl(PR_SET_PTRACER, nuint.MaxValue, 0, 0, 0); // where only parents may trace (yama)
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(Tracer).Assembly.Location);
        start.ArgumentList.Add("--host");
        start.ArgumentList.Add("tracer");
        start.Environment.Remove("DOTNET_STARTUP_HOOKS");
        Process tracer = Process.Start(start)!;
        string? answer = tracer.StandardOutput.ReadLine();
        string state = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("TracerPid:", StringComparison.Ordinal));
        if (answer != Attached || state.EndsWith("\t0", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("nobody traces this process");
        }
    }

    /// <summary>Traces the parent until it ends.</summary>
    public static int Run()
    {
        int parent = Libc.getppid();
        HashSet<int> threads = [];
        int before;
        do
        {
            before = threads.Count;
            foreach (string task in Directory.GetDirectories($"/proc/{parent}/task"))
            {
                int thread = int.Parse(Path.GetFileName(task), System.Globalization.CultureInfo.InvariantCulture);
                if (threads.Add(thread) && Libc.ptrace(PTRACE_SEIZE, thread, 0, Options) != 0 && thread == parent)
                {
                    return 1;
                }
            }
        }
        while (threads.Count != before);

        Console.WriteLine(Attached);
        int status;
        for (int stopped = Libc.waitpid(-1, &status, WaitAll); stopped > 0; stopped = Libc.waitpid(-1, &status, WaitAll))
        {
            if ((status & 0xFF) == 0x7F)
            {
                int signal = (status >> 8) & 0xFF, reason = status >> 16;
                if (reason is PTRACE_EVENT_FORK or PTRACE_EVENT_VFORK or PTRACE_EVENT_CLONE)
                {
                    TellOfNewProcess(parent, stopped);
                }

                bool isGroupStop = reason == PTRACE_EVENT_STOP && signal != SIGTRAP;
                _ = Libc.ptrace(isGroupStop ? PTRACE_LISTEN : PTRACE_CONT, stopped, 0, reason == 0 ? signal : 0);
            }
        }

        return 0;
    }

    // The program that is traced starts none: if there is one, the tracer got hold of the copy that scans.
    private static void TellOfNewProcess(int parent, int stopped)
    {
        nint created = 0;
        _ = Libc.ptrace(PTRACE_GETEVENTMSG, stopped, 0, (nint)(&created));
        if (!Directory.Exists($"/proc/{parent}/task/{created}"))
        {
            Console.Error.WriteLine("a process is traced too");
        }
    }
}
