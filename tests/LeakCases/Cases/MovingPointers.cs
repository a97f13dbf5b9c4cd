// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>What a thread does while scans are made: moves the only pointer about, or takes the loader's lock.</summary>
internal static unsafe class MovingPointers
{
    private const int Scans = 5;

    private static nint* s_slots;
    private static nint s_root;

    public static IEnumerable<LeakCase> All =>
    [
        new("moved-between-roots-held", "moved-between-roots-dropped", [74], [Live("A")], static plan => Move(plan, held: true))
        {
            MinimumScans = Scans + 1,
            MinimumThreads = 2,
            Finish = ScanAgainAndAgain,
        },
        new("moved-between-roots-dropped", "moved-between-roots-held", [74], [Lost("A")], static plan => Move(plan, held: false))
        {
            MinimumScans = Scans + 1,
            MinimumThreads = 2,
            Finish = ScanAgainAndAgain,
        },
        .. LeakCase.Pair("loader-lock", [117], static (plan, held) =>
        {
            s_root = held ? plan.Alloc("A") : plan.Alloc("A") & 0;
            PlantingThread.StartActor(TakeLoaderLock);
        }, threads: 2),
    ];

    private static void ScanAgainAndAgain()
    {
        for (int i = 0; i < Scans; i++)
        {
            _ = DetectorApi.Scan();
        }
    }

    // From one end of a mapping of two megabytes to the other and back: whoever read one end before the other in a living
    // process would miss it half of the time.
    private static void Move(Plan plan, bool held)
    {
        const int ByteCount = 2 << 20;
        nuint hidden = Words.Hide(plan.Alloc("A"));
        s_slots = (nint*)Libc.MapPages(ByteCount);
        PlantingThread.StartActor(ready =>
        {
            MoveWithoutEnd(s_slots + 3, s_slots + (ByteCount / sizeof(nint)) - 3, held ? hidden : nuint.MaxValue, ready);
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MoveWithoutEnd(nint* first, nint* last, nuint hidden, Action ready)
    {
        Words.Reveal(hidden, first);
        ready();
        while (true)
        {
            Pass(first, last);
            Pass(last, first);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Pass(nint* from, nint* to)
    {
        Volatile.Write(ref *to, *from);
        Volatile.Write(ref *from, 0);
    }

    // The C library holds the lock on its list of loaded modules while it calls back for each of them: nearly always, here.
    // (Held for ever, it stops the runtime itself, which takes it for each new thread.)
    private static void TakeLoaderLock(Action ready)
    {
        delegate* unmanaged<nint, nint, int> iterate = (delegate* unmanaged<nint, nint, int>)Libc.Symbol("dl_iterate_phdr");
        nint callback = Libc.Symbol("sched_yield");
        ready();
        while (true)
        {
            _ = iterate(callback, 0);
        }
    }
}
