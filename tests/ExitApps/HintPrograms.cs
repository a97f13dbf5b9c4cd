// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.ExitApps;

/// <summary>Programs that use hints, checks and providers with the real detector; each prints lines name=value.</summary>
internal static unsafe class HintPrograms
{
    private const int Attempts = 20;

    /// <summary>Runs the program of that name; false when there is none.</summary>
    public static bool TryRun(string name)
    {
        switch (name)
        {
            case "checks": Checks(); return true;
            case "check-disposed": DisposeChecks(); return true;
            case "transient": Transient(); return true;
            case "providers": Providers(); return true;
            case "provider-hangs": ProviderHangs(); return true;
            case "tags": Tags(); return true;
            case "overlap": Overlap(); return true;
            case "hints-off": Off(); return true;
            default: return false;
        }
    }

    private static void Start(TimeSpan minimumAge = default) => Console.WriteLine("started=" + LeakDetector.Start(new LeakDetectorOptions
    {
        MinimumAge = minimumAge, MaximumLeaks = 0, FirstScan = TimeSpan.Zero, ReportAt = ReportOccasions.None,
    }));

    // Two checks at the same time, of which one leaks; one inside another; and blocks outside of all.
    private static void Checks()
    {
        Start();
        EndedThread.Run(static () => Leak(111));
        using Barrier together = new(2);
        string[] told = new string[2];
        Thread[] tests = [.. Enumerable.Range(0, 2).Select(number => new Thread(() => told[number] = Test(number, together)))];
        Array.ForEach(tests, static test => test.Start());
        Array.ForEach(tests, static test => test.Join());
        Array.ForEach(told, Console.WriteLine);

        using LeakCheck outer = LeakScope.Check("outer");
        EndedThread.Run(static () => Leak(500));
        using LeakCheck inner = LeakScope.Check("inner");
        EndedThread.Run(static () => Leak(600));
        using (LeakScope.Disable())
        {
            EndedThread.Run(static () => Leak(700));
        }

        Tell(inner.End());
        EndedThread.Run(static () => Leak(800));
        Tell(outer.End());
        EndedThread.Run(static () => Leak(900));
        Tell(outer.End());
        LeakReport all = LeakDetector.Scan();
        Tell(all);
        Console.WriteLine($"ignored={all.Totals.Ignored.Blocks}");
    }

    private static string Test(int number, Barrier together)
    {
        using LeakCheck check = LeakScope.Check("test " + number);
        together.SignalAndWait();
        EndedThread.Run(() => Use(number == 1, 300 + number));
        // A worker of the pool, which works for whoever comes: it takes the check along.
        Task.Factory.StartNew(() => Use(number == 1, 400 + number), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default).Wait();
        together.SignalAndWait();
        return Text(check.End());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Use(bool leaks, int byteCount)
    {
        nint block = Marshal.AllocHGlobal(byteCount);
        NativeMemory.Clear((void*)block, (nuint)byteCount);
        if (!leaks)
        {
            Marshal.FreeHGlobal(block);
        }

        EndedThread.Scrub();
    }

    private static void DisposeChecks()
    {
        using ManualResetEventSlim isRaised = new();
        LeakDetector.LeaksFound += (_, found) =>
        {
            Console.WriteLine("raised=" + found.Report.Check);
            isRaised.Set();
        };
        Start();
        using (LeakScope.Check("clean"))
        {
            EndedThread.Run(static () => Use(false, 100));
        }

        using (LeakScope.Check("leaky"))
        {
            EndedThread.Run(static () => Leak(200));
        }

        isRaised.Wait(TimeSpan.FromMinutes(1));
    }

    private static void Transient()
    {
        Start(TimeSpan.FromMilliseconds(1));
        nuint hidden = 0;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            EndedThread.Run(() => hidden = ~(nuint)Leak(640));
            SpinWait.SpinUntil(static () => LeakDetector.Scan().Totals.Young.Blocks == 0, TimeSpan.FromMinutes(1));
            if (LeakDetector.Scan().Totals.Definite.Blocks == 1)
            {
                break;
            }

            // A word of old data happens to point into it: another one.
            EndedThread.Run(() => Marshal.FreeHGlobal((nint)~hidden));
        }

        EndedThread.Run(() => Console.WriteLine("hinted=" + LeakHints.TransientLeak((void*)~hidden)));
        for (int i = 0; i < 3; i++)
        {
            ReportTotals totals = LeakDetector.Scan().Totals;
            Console.WriteLine($"scan={i} young={totals.Young.Blocks} definite={totals.Definite.Blocks}");
        }
    }

    private static void Providers()
    {
        Start();
        nuint hidden = 0;
        EndedThread.Run(() => hidden = ~(nuint)Leak(640));
        RootProvider provider = roots => roots.AddPointer((void*)~hidden);
        LeakDetector.RootProviders.Add(provider);
        Tell(LeakDetector.Scan());
        Console.WriteLine("removed=" + LeakDetector.RootProviders.Remove(provider) + " again=" + LeakDetector.RootProviders.Remove(provider));
        Tell(LeakDetector.Scan());

        RootCollector? kept = null;
        LeakDetector.RootProviders.Add(roots =>
        {
            kept = roots;
            throw new InvalidOperationException("the application's own");
        });
        LeakReport failed = LeakDetector.Scan();
        Console.WriteLine($"conclusive={failed.IsConclusive} late={kept!.AddPointer((void*)1)}");
        failed.Coverage.Warnings.Where(static warning => warning.Contains("provider", StringComparison.Ordinal)).ToList().ForEach(Console.WriteLine);

        LeakDetector.RootProviders.Remove(LeakDetector.RootProviders.Providers[0]);
        LeakDetector.RootProviders.Add(static roots =>
        {
            for (nuint i = 0; i < 70_000; i++)
            {
                roots.AddPointer((void*)i);
            }
        });
        LeakReport full = LeakDetector.Scan();
        Console.WriteLine($"conclusive={full.IsConclusive}");
        full.Coverage.Warnings.Where(static warning => warning.Contains("refused", StringComparison.Ordinal)).ToList().ForEach(Console.WriteLine);
    }

    // The first scan gives the provider up, the second does not ask it, the third finds it returned and takes what it says.
    private static void ProviderHangs()
    {
        Start();
        nuint hidden = 0;
        EndedThread.Run(() => hidden = ~(nuint)Leak(640));
        using ManualResetEventSlim mayReturn = new(), hasReturned = new();
        bool? late = null;
        int calls = 0;
        LeakDetector.RootProviders.Add(roots =>
        {
            if (calls++ == 0)
            {
                mayReturn.Wait();
                late = roots.AddPointer((void*)1);
                hasReturned.Set();
                return;
            }

            roots.AddPointer((void*)~hidden);
        });
        for (int i = 0; i < 2; i++)
        {
            LeakReport gap = LeakDetector.Scan();
            Console.WriteLine($"conclusive={gap.IsConclusive} calls={calls} "
                + gap.Coverage.Warnings.Single(static warning => warning.Contains("provider", StringComparison.Ordinal)));
        }

        mayReturn.Set();
        hasReturned.Wait();
        Console.WriteLine($"late={late}");
        LeakReport last;
        do
        {
            // Its thread may take a moment to end.
            last = LeakDetector.Scan();
        }
        while (calls == 1);
        Tell(last);
    }

    private static void Tags()
    {
        Start();
        for (int i = 0; i < 6; i++)
        {
            int number = i;
            EndedThread.Run(() => Tagged(number));
        }

        // Whatever their kind: a word of old data may point into one of them.
        foreach (IGrouping<string, LeakGroup> tagged in LeakDetector.Scan().Leaks.GroupBy(static group => group.Tag ?? "none"))
        {
            Console.WriteLine($"tag={tagged.Key} blocks={tagged.Sum(static group => group.Total.Blocks)}");
        }

        Console.WriteLine("json=" + LeakDetector.Scan().ToJson().Contains("\"tag\": \"odd\"", StringComparison.Ordinal)
            + " text=" + LeakDetector.Scan().ToText().Contains("tag: odd", StringComparison.Ordinal));
    }

    private static void Tagged(int number)
    {
        nint block = Leak(1600);
        if (number > 0)
        {
            LeakHints.Tag((void*)block, number % 2 == 0 ? "even" : "odd");
        }

        EndedThread.Scrub();
    }

    private static void Overlap()
    {
        Start();
        nint block = Leak(1600);
        Console.WriteLine($"adopted={LeakHints.Adopt((void*)(block + 64), 16, "its_free")}");
        foreach (string warning in LeakDetector.Scan().Coverage.Warnings)
        {
            Console.WriteLine("warning=" + warning);
        }
    }

    // Nothing was started: everything answers no, and changes nothing.
    private static void Off()
    {
        nint block = Marshal.AllocHGlobal(64);
        void* p = (void*)block;
        bool isAny = LeakHints.NotLeak(p) | LeakHints.Ignore(p) | LeakHints.NoScan(p) | LeakHints.ScanArea(p, 0, 8)
            | LeakHints.TransientLeak(p) | LeakHints.UpdateSite(p) | LeakHints.Detach(p) | LeakHints.Adopt(p, 64, "free")
            | LeakHints.FreePart(p, 8) | LeakHints.MinimumReferences(p, 2) | LeakHints.Tag(p, "tag")
            | LeakHints.DecodePointers(p, PointerDecoder.Xor(1));
        nint erased = block;
        isAny |= LeakHints.Erase(ref erased);
        BlockPool pool = BlockPool.Create(p, 64);
        isAny |= pool.Alloc(p, 16) | pool.Free(p) | pool.Trim(p, 16) | pool.Extend(p, 64);
        pool.Destroy();
        using (LeakScope.Disable())
        using (LeakScope.DisableOnThread())
        using (LeakCheck check = LeakScope.Check("off"))
        {
            try
            {
                check.End();
            }
            catch (InvalidOperationException)
            {
                Console.WriteLine("end=throws");
            }
        }

        Console.WriteLine($"any={isAny} erased={erased}");
        Marshal.FreeHGlobal(block);
    }

    private static void Tell(LeakReport report) => Console.WriteLine(Text(report));

    private static string Text(LeakReport report)
        => $"check={report.Check ?? "none"} conclusive={report.IsConclusive} sizes="
            + string.Join(',', report.Leaks.SelectMany(static leak => leak.Samples).Select(static sample => sample.ByteCount).Order());

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Leak(int byteCount)
    {
        nint block = Marshal.AllocHGlobal(byteCount);
        NativeMemory.Clear((void*)block, (nuint)byteCount);
        return block;
    }
}
