// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Signals of the application that arrive while its threads are parked.</summary>
internal static class Signals
{
    private const int SIGUSR1 = 10;
    private const int LeastSignals = 3000;

    // Long enough for scans to be under way; the case says how many there must have been.
    private const int LeastMilliseconds = 1500;

    private static readonly ManualResetEventSlim s_arrived = new();
    private static PosixSignalRegistration? s_registration;
    private static nint s_root;
    private static int s_count;

    public static IEnumerable<LeakCase> All =>
    [
        new("signals-during-scans", "signal-storm-held", [60], [Lost("A")], static plan => plan.Alloc("A"))
        {
            Options = "first_scan=20ms,scan_interval=20ms,min_age=0s",
            MinimumScans = 2,
            Finish = SendOneByOne,
        },
        .. LeakCase.Pair("signal-storm", [61], static (plan, held) =>
        {
            s_root = held ? plan.Alloc("A") : plan.Alloc("A") & 0;
            s_registration = PosixSignalRegistration.Create((PosixSignal)SIGUSR1, Count);
            PlantingThread.StartActor(SendWithoutEnd);
        }),
    ];

    private static void Count(PosixSignalContext context)
    {
        context.Cancel = true;
        Interlocked.Increment(ref s_count);
        s_arrived.Set();
    }

    // Each signal is sent when the one before has arrived: none may be lost, none may come twice.
    private static void SendOneByOne()
    {
        s_registration = PosixSignalRegistration.Create((PosixSignal)SIGUSR1, Count);
        int sent = 0;
        for (long start = Environment.TickCount64; sent < LeastSignals || Environment.TickCount64 - start < LeastMilliseconds; sent++)
        {
            s_arrived.Reset();
            _ = Libc.kill(Libc.getpid(), SIGUSR1);
            if (!s_arrived.Wait(TimeSpan.FromSeconds(30)))
            {
                break;
            }
        }

        Environment.ExitCode = Volatile.Read(ref s_count) == sent ? 0 : 1;
    }

    private static void SendWithoutEnd(Action ready)
    {
        int self = Libc.getpid();
        ready();
        while (true)
        {
            _ = Libc.kill(self, SIGUSR1);
            Thread.SpinWait(200);
        }
    }
}
