// Licensed under the MIT License. See LICENSE in the repository root.
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Many threads, and threads that come and go while the report is made.</summary>
internal static unsafe class ThreadChurn
{
    private const int LostArgumentCount = 100;
    private const int InFlight = 8;

    private static nint s_root;

    public static IEnumerable<LeakCase> All =>
    [
        .. LeakCase.Pair("1-thread", [58], static (plan, held) => StartHolders(plan, 1, held), 1, threads: 2),
        .. LeakCase.Pair("2-threads", [58], static (plan, held) => StartHolders(plan, 2, held), 2, threads: 3),
        .. LeakCase.Pair("10-threads", [58], static (plan, held) => StartHolders(plan, 10, held), 10, threads: 11),
        .. LeakCase.Pair("1024-threads", [58], static (plan, held) => StartHolders(plan, 1024, held), 1024, threads: 1025),
        new("threads-created-during-check", "threads-created-with-lost-arguments", [53], [NeverListed("argument")],
            static plan => CreateThreads(plan, lostCount: 0)),
        new("threads-created-with-lost-arguments", "threads-created-during-check", [53],
            [Lost("argument", LostArgumentCount)], static plan => CreateThreads(plan, LostArgumentCount)),
        .. LeakCase.Pair("detached-native-threads-end-during-check", [56, 59], static (plan, held) =>
        {
            s_root = held ? plan.Alloc("A") : plan.Alloc("A") & 0;
            PlantingThread.StartActor(CreateNativeThreads);
        }),
    ];

    private static void StartHolders(Plan plan, int count, bool held)
    {
        for (int i = 0; i < count; i++)
        {
            nuint hidden = Words.Hide(plan.Alloc("A"));
            PlantingThread.StartActor(ready => Stacks.StayInFrame(hidden, held, ready));
        }
    }

    // Each thread gets a block as its argument and frees it, a few at a time, without end.
    private static void CreateThreads(Plan plan, int lostCount)
    {
        for (int i = 0; i < lostCount; i++)
        {
            PlantingThread.Run(() => plan.Alloc("argument"));
        }

        bool passesBlocks = lostCount == 0;
        PlantingThread.StartActor(ready =>
        {
            SemaphoreSlim places = new(InFlight);
            ready();
            while (true)
            {
                places.Wait();
                object? argument = passesBlocks ? plan.Alloc("argument") : null;
                new Thread(block =>
                {
                    Thread.Yield();
                    System.Runtime.InteropServices.Marshal.FreeHGlobal((nint?)block ?? 0);
                    places.Release();
                })
                {
                    IsBackground = true,
                }.Start(argument);
            }
        });
    }

    // Threads the runtime knows nothing about: they sleep for a fifth of a millisecond and are gone.
    private static void CreateNativeThreads(Action ready)
    {
        nint usleep = Libc.Symbol("usleep");
        ready();
        while (true)
        {
            nuint thread;
            if (Libc.pthread_create(&thread, 0, usleep, 200) == 0)
            {
                _ = Libc.pthread_detach(thread);
            }

            Thread.Sleep(0);
        }
    }
}
