// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Pointers that belong to a thread's beginning or end.</summary>
internal static unsafe class ThreadLife
{
    private const int StartingThreadCount = 32;

    private static nuint[] s_hidden = [];
    private static nint s_result;

    public static IEnumerable<LeakCase> All =>
    [
        new("starting-threads-held", "starting-threads-dropped", [51], [Live("A", StartingThreadCount)],
            static plan => HideMany(plan))
        {
            Finish = static () => StartThreads(held: true),
        },
        new("starting-threads-dropped", "starting-threads-held", [51], [Lost("A", StartingThreadCount)],
            static plan => HideMany(plan))
        {
            Finish = static () => StartThreads(held: false),
        },
        new("thread-result-lost", "thread-result-taken", [47, 52], [Lost("A")],
            static plan => PlantingThread.Run(() => MakeResult(plan)))
        {
            Site = nameof(MakeResult),
        },
        new("thread-result-taken", "thread-result-lost", [52], [Live("A")],
            static plan => PlantingThread.Run(() => s_result = MakeResult(plan))),
        new("ending-thread-blocked", "ending-thread-gone", [54], [Live("A"), Live("B")],
            static plan => EndInCallback(plan, letGo: false))
        {
            MinimumThreads = 2,
        },
        new("ending-thread-gone", "ending-thread-blocked", [54], [Lost("A"), Lost("B")],
            static plan => EndInCallback(plan, letGo: true)),
    ];

    private static void HideMany(Plan plan)
    {
        s_hidden = new nuint[StartingThreadCount];
        for (int i = 0; i < s_hidden.Length; i++)
        {
            s_hidden[i] = Words.Hide(plan.Alloc("A"));
        }
    }

    private static void StartThreads(bool held)
    {
        foreach (nuint hidden in s_hidden)
        {
            StartWith(held ? hidden : nuint.MaxValue);
        }

        PlantingThread.ScrubStack();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StartWith(nuint hidden)
        => new Thread(static address => Sleep((nint)address!)) { IsBackground = true }.Start(Words.Reveal(hidden));

    private static void Sleep(nint address)
    {
        nint* slot = stackalloc nint[2];
        slot[1] = address;
        Thread.Sleep(Timeout.Infinite);
        s_result = slot[1];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint MakeResult(Plan plan)
    {
        nint result = plan.Alloc("A");
        Words.Point(result, 1, 42);
        return result;
    }

    // A is a semaphore that nobody raises. It is the value of a key whose destructor is sem_wait: the thread ends, the C
    // library clears the slot and calls sem_wait(A), so A is known to that call only. B sits in a key without a destructor.
    private static void EndInCallback(Plan plan, bool letGo)
    {
        nint a = plan.Alloc("A");
        nint b = plan.Alloc("B");
        _ = Libc.sem_init(a, 0, 0);
        uint first;
        uint second;
        _ = Libc.pthread_key_create(&first, Libc.Symbol("sem_wait"));
        _ = Libc.pthread_key_create(&second, 0);
        (uint waiting, uint plain) = (first, second);
        int threadId = 0;
        Thread thread = new(() =>
        {
            Volatile.Write(ref threadId, Libc.gettid());
            _ = Libc.pthread_setspecific(waiting, a);
            _ = Libc.pthread_setspecific(plain, b);
        })
        {
            IsBackground = true,
        };
        thread.Start();

        // glibc counts the waiters of a semaphore in its second word.
        while (Volatile.Read(ref ((uint*)a)[1]) == 0)
        {
            Thread.Sleep(1);
        }

        if (letGo)
        {
            _ = Libc.sem_post(a);
            while (Directory.Exists($"/proc/self/task/{Volatile.Read(ref threadId)}"))
            {
                Thread.Sleep(1);
            }
        }
    }
}
