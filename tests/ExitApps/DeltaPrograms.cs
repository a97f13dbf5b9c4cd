// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: programs whose leaks come and go between scans, and blocks of odd sizes, under the real detector.
// Who calls it: the tests of docs/scenarios.md that take more than one scan.
// The one idea: each line says how many bytes one scan calls leaked; addresses are kept complemented in between.
// Safety: every address is one that this program got from the allocator and has not freed.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.ExitApps;

/// <summary>Programs about what changes from scan to scan.</summary>
internal static unsafe class DeltaPrograms
{
    private const int BusyThreads = 17, LargeThreads = 10, Scans = 12, PerSize = 20;

    private static readonly nint[] s_held = new nint[256];
    private static nuint s_hidden;
    private static nint s_holder;

    /// <summary>Runs the program of that name; false when there is none.</summary>
    public static bool TryRun(string name, Func<string, int> number)
    {
        switch (name)
        {
            case "three-checks": ThreeChecks(); return true;
            case "delta": Delta(); return true;
            case "scope-totals": ScopeTotals(); return true;
            case "sizes": Sizes(); return true;
            case "contention": Contend(number("lose")); return true;
            default: return false;
        }
    }

    private static void ThreeChecks()
    {
        Start();
        Tell("nothing");
        EndedThread.Run(static () => Alloc(1337));
        Tell("first");
        EndedThread.Run(static () => s_holder = Alloc(23_023));
        Tell("held");
        EndedThread.Run(static () => s_holder = 0);
        Tell("last");
    }

    private static void Delta()
    {
        Start();
        EndedThread.Run(static () => s_hidden = ~(nuint)(s_holder = Alloc(10_010)));
        Tell("reachable");
        EndedThread.Run(static () => s_holder = 0);
        Tell("lost");
        EndedThread.Run(static () => Alloc(2_021));
        Tell("more");
        EndedThread.Run(static () => Alloc(6_065));
        Tell("again");
        EndedThread.Run(static () => s_holder = (nint)~s_hidden);
        Tell("regained");
        EndedThread.Run(static () => s_holder = 0);
        Tell("lost-again");
        EndedThread.Run(static () => Marshal.FreeHGlobal((nint)~s_hidden));
        Tell("freed");
    }

    // A check is about blocks, not about sums: as much may be freed in it as is lost.
    private static void ScopeTotals()
    {
        Start();
        EndedThread.Run(static () => s_hidden = ~(nuint)Alloc(1_600));
        Check("same-sum", static () =>
        {
            Marshal.FreeHGlobal((nint)~s_hidden);
            Alloc(1_600);
        });
        EndedThread.Run(static () => s_hidden = ~(nuint)Alloc(1_700));
        Check("only-frees", static () => Marshal.FreeHGlobal((nint)~s_hidden));
        Check("fewer-frees", static () =>
        {
            nint first = Alloc(1_801);
            Alloc(1_803);
            Marshal.FreeHGlobal(first);
        });
        using LeakCheck cancelled = LeakScope.Check("cancelled");
        EndedThread.Run(static () => Alloc(1_900));
        try
        {
            cancelled.End(new CancellationToken(canceled: true));
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("cancelled=throws");
        }

        Console.WriteLine("cancelled=" + Text(cancelled.End()));
    }

    private static void Check(string name, ThreadStart body)
    {
        using LeakCheck check = LeakScope.Check(name);
        EndedThread.Run(body);
        Console.WriteLine($"{name}={Text(check.End())}");
    }

    private static void Sizes()
    {
        int[] sizes = [0, 1, 2, 3, 4, 32, 64, 1_024, 2_048, 4_096, 32 << 20];
        Start();
        EndedThread.Run(() =>
        {
            for (int i = 0; i < sizes.Length; i++)
            {
                // One is held, the others are lost; tags make groups of their own.
                bool isLarge = sizes[i] >= 1 << 20;
                s_held[i] = Alloc(sizes[i], clear: !isLarge);
                LeakHints.Tag((void*)s_held[i], Name(sizes[i]));
                for (int j = 0; j < (isLarge ? 1 : PerSize); j++)
                {
                    LeakHints.Tag((void*)Alloc(sizes[i], clear: !isLarge), Name(sizes[i]));
                }
            }
        });
        LeakReport report = LeakDetector.Scan();
        foreach (int size in sizes)
        {
            LeakGroup[] groups = [.. report.Leaks.Where(leak => leak.Tag == Name(size))];
            Console.WriteLine($"size={size} lost={groups.Sum(static group => group.Total.Blocks)} bytes={groups.Sum(static group => group.Total.Bytes)}");
        }

        Console.WriteLine($"bytes={report.Totals.Leaked.Bytes}");
    }

    private static string Name(int size) => size.ToString(System.Globalization.CultureInfo.InvariantCulture);

    // Threads that allocate, hold in locals and free without end, while scans are made; one more block is lost if asked.
    private static void Contend(int lose)
    {
        Start();
        for (int i = 0; i < BusyThreads + LargeThreads; i++)
        {
            Random random = new(i);
            int largest = i < BusyThreads ? 4_000 : 1 << 20;
            new Thread(() => Churn(random, largest)) { IsBackground = true }.Start();
        }

        if (lose != 0)
        {
            EndedThread.Run(() => Alloc(lose));
        }

        int conclusive = 0;
        long least = long.MaxValue, most = 0;
        for (int i = 0; i < Scans; i++)
        {
            LeakReport report = LeakDetector.Scan();
            if (report.IsConclusive)
            {
                conclusive++;
                least = Math.Min(least, report.Totals.Leaked.Bytes);
                most = Math.Max(most, report.Totals.Leaked.Bytes);
            }
        }

        Console.WriteLine($"conclusive={conclusive > 0} least={least} most={most}");
    }

    private static void Churn(Random random, int largest)
    {
        nint* blocks = stackalloc nint[16];
        while (true)
        {
            int i = random.Next(16);
            if (blocks[i] == 0)
            {
                blocks[i] = Marshal.AllocHGlobal(random.Next(largest / 2, largest));
            }
            else
            {
                Marshal.FreeHGlobal(blocks[i]);
                blocks[i] = 0;
            }
        }
    }

    private static void Start() => LeakDetector.Start(new LeakDetectorOptions
    {
        Level = DetectorLevel.On, MinimumAge = TimeSpan.Zero, MaximumLeaks = 0, FirstScan = TimeSpan.Zero,
        ReportAt = ReportOccasions.None,
    });

    private static void Tell(string name) => Console.WriteLine($"{name}={LeakDetector.Scan().Totals.Leaked.Bytes}");

    private static string Text(LeakReport report) => string.Join(
        ',', report.Leaks.SelectMany(static leak => leak.Samples).Select(static sample => sample.ByteCount).Order());

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Alloc(int byteCount, bool clear = true)
    {
        nint block = Marshal.AllocHGlobal(byteCount);
        if (clear)
        {
            NativeMemory.Clear((void*)block, (nuint)byteCount);
        }

        return block;
    }
}
