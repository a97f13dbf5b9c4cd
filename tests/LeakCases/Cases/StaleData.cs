// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Copies of an address in places that are dead: they must not keep its block alive.</summary>
internal static unsafe class StaleData
{
    private const int ThreadCount = 8;
    private const int KibiByte = 1024;
    private const string ScanOften = "first_scan=100ms,scan_interval=100ms,min_age=0s";

    private static nuint s_hidden;
    private static nint s_root;
    private static object? s_report;

    public static IEnumerable<LeakCase> All =>
    [
        new("stack-of-dead-thread", "10-threads-held", [57], [Lost("A", ThreadCount)], static plan =>
        {
            using Barrier together = new(ThreadCount);
            Thread[] threads = [.. Enumerable.Range(0, ThreadCount).Select(_ => new Thread(() =>
            {
                LeaveBehind(Words.Hide(plan.Alloc("A")), 64 * KibiByte, 0);
                together.SignalAndWait();
            }))];
            Array.ForEach(threads, static thread => thread.Start());
            Array.ForEach(threads, static thread => thread.Join());
        }),
        new("below-stack-pointer", "other-thread-frame-held", [63], [Lost("A")], static plan =>
        {
            nuint hidden = Words.Hide(plan.Alloc("A"));
            PlantingThread.StartActor(ready =>
            {
                LeaveBehind(hidden, 48 * KibiByte, 32 * KibiByte);
                ready();
                Thread.Sleep(Timeout.Infinite);
            });
        })
        {
            MinimumThreads = 2,
        },
        new("dead-frames-of-main", "main-frame-held", [64], [Lost("A")],
            static plan => s_hidden = Words.Hide(plan.Alloc("A")))
        {
            Finish = static () => LeaveBehind(s_hidden, 64 * KibiByte, 16 * KibiByte),
        },
        new("dead-frames-at-exit-call", "main-frame-held", [65], [Lost("A")],
            static plan => s_hidden = Words.Hide(plan.Alloc("A")))
        {
            Finish = static () =>
            {
                LeaveBehind(s_hidden, 64 * KibiByte, 16 * KibiByte);
                Environment.Exit(0);
            },
        },
        new("dead-frame-of-pool-worker", "pool-worker-frame-held", [143], [Lost("A")],
            static plan => RunOnPool(plan, stays: false)),
        new("pool-worker-frame-held", "dead-frame-of-pool-worker", [143], [Live("A")],
            static plan => RunOnPool(plan, stays: true))
        {
            MinimumThreads = 2,
        },
        new("scanned-many-times", "scanned-many-times-held", [68],
            [Lost("A", references: 2), Indirectly("B", 2)], static plan => Graphs.Headed(plan, "A", "B", 2))
        {
            Options = ScanOften,
            MinimumScans = 3,
            Finish = static () => Thread.Sleep(1500),
        },
        new("scanned-many-times-held", "scanned-many-times", [68], [Live("A"), Live("B", 2)],
            static plan => s_root = Graphs.Headed(plan, "A", "B", 2))
        {
            Options = ScanOften,
            MinimumScans = 3,
            Finish = static () => Thread.Sleep(1500),
        },
        new("report-kept", "report-kept-with-address", [68], [Lost("A")], static plan => plan.Alloc("A"))
        {
            Options = "min_age=0s",
            MinimumScans = 3,
            Finish = static () => KeepReport(withAddress: false),
        },
        new("report-kept-with-address", "report-kept", [68], [Live("A")], static plan => plan.Alloc("A"))
        {
            Options = "min_age=0s",
            MinimumScans = 3,
            Finish = static () => KeepReport(withAddress: true),
        },
    ];

    // Reports that the application keeps hold no address; the one that it takes out of a report is a pointer like any.
    private static void KeepReport(bool withAddress)
    {
        s_report = new[] { DetectorApi.ScanReport(), DetectorApi.ScanReport() };
        PlantingThread.Run(() => s_root = withAddress ? DetectorApi.AddressIn(((object?[])s_report)[1], LeakCase.FirstSize) : 0);
    }

    // Fills a part of the stack with the address: from the given depth below the caller to the given reach.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveBehind(nuint hidden, int reach, int depth)
    {
        nint* dead = stackalloc nint[reach / sizeof(nint)];
        for (int i = 0; i < (reach - depth) / sizeof(nint); i++)
        {
            Words.Reveal(hidden, dead + i);
        }

        s_root = dead[0] & 0;
    }

    private static void RunOnPool(Plan plan, bool stays)
    {
        nuint hidden = Words.Hide(plan.Alloc("A"));
        using ManualResetEventSlim done = new();
        ThreadPool.UnsafeQueueUserWorkItem(_ =>
        {
            if (stays)
            {
                Stacks.StayInFrame(hidden, held: true, done.Set);
            }
            else
            {
                LeaveBehind(hidden, 48 * KibiByte, 32 * KibiByte);
                done.Set();
            }
        }, null);
        done.Wait();
    }
}
