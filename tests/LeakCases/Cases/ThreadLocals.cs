// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;

namespace LeakCases.Cases;

/// <summary>Pointers in a thread's own storage: the runtime's, and the C library's.</summary>
internal static unsafe class ThreadLocals
{
    private const int ThreadCount = 10;
    private const int KeysKeptFree = 64;

    [ThreadStatic]
    private static int t_before;

    [ThreadStatic]
    private static nint t_slot;

    [ThreadStatic]
    private static int t_between;

    [ThreadStatic]
    private static Packed t_packed;

    [ThreadStatic]
    private static object? t_object;

    [ThreadStatic]
    private static nint t_1, t_2, t_3, t_4, t_5;

    private static readonly ThreadLocal<nint> s_local = new();

    public static IEnumerable<LeakCase> All =>
    [
        .. OnActor("thread-static", static (plan, held) =>
        {
            (t_before, t_between) = (1, 2);
            t_slot = plan.Alloc("A");
            t_slot = held ? t_slot : 0;
        }),
        .. OnActor("thread-static-at-four-bytes", static (plan, held) =>
        {
            t_packed.Number = 7;
            t_packed.Slot = plan.Alloc("A");
            t_packed.Slot = held ? t_packed.Slot : 0;
        }),
        .. OnActor("thread-static-object", static (plan, held) =>
        {
            t_object = plan.Alloc("A");
            t_object = held ? t_object : null;
        }),
        .. OnActor("thread-local-of-t", static (plan, held) =>
        {
            s_local.Value = plan.Alloc("A");
            s_local.Value = held ? s_local.Value : 0;
        }),
        .. LeakCase.Pair("five-thread-statics-in-ten-threads", [35], static (plan, held) =>
        {
            for (int i = 0; i < ThreadCount; i++)
            {
                PlantingThread.StartActor(ready =>
                {
                    KeepFive(plan, held);
                    Stay(ready);
                });
            }
        }, count: 5 * ThreadCount, threads: ThreadCount + 1),
        .. LeakCase.Pair("pthread-keys-inline-and-beyond", [34], static (plan, held) =>
        {
            // The first 32 keys of a thread are in its descriptor, the others in tables of their own.
            uint[] keys = CreateKeys(96);
            PlantingThread.StartActor(ready =>
            {
                Set(keys[0], plan, held);
                Set(keys[^1], plan, held);
                Stay(ready);
            });
        }, count: 2, threads: 2),
        .. PairOfAllKeys(),
    ];

    private static LeakCase[] PairOfAllKeys()
    {
        const int KeyCount = 800;
        return LeakCase.Pair("all-pthread-keys-in-ten-threads", [35], static (plan, held) =>
        {
            uint[] keys = CreateKeys(KeyCount);
            for (int i = 0; i < ThreadCount; i++)
            {
                PlantingThread.StartActor(ready =>
                {
                    Array.ForEach(keys, key => Set(key, plan, held));
                    Stay(ready);
                });
            }
        }, count: KeyCount * ThreadCount, threads: ThreadCount + 1);
    }

    // The action has returned when the thread begins to stay: its frame and its registers are gone.
    private static LeakCase[] OnActor(string name, Action<Plan, bool> keep)
        => LeakCase.Pair(name, [32], (plan, held) => PlantingThread.StartActor(ready =>
        {
            keep(plan, held);
            Stay(ready);
        }), threads: 2);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void KeepFive(Plan plan, bool held)
    {
        (t_1, t_2, t_3) = (plan.Alloc("A"), plan.Alloc("A"), plan.Alloc("A"));
        (t_4, t_5) = (plan.Alloc("A"), plan.Alloc("A"));
        if (!held)
        {
            (t_1, t_2, t_3, t_4, t_5) = (0, 0, 0, 0, 0);
        }
    }

    private static uint[] CreateKeys(int count)
    {
        uint[] keys = new uint[count];
        for (int i = 0; i < count; i++)
        {
            uint key;
            if (Libc.pthread_key_create(&key, 0) != 0)
            {
                throw new InvalidOperationException("no key is left");
            }

            keys[i] = key;
        }

        return keys;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Set(uint key, Plan plan, bool held)
    {
        _ = Libc.pthread_setspecific(key, plan.Alloc("A"));
        if (!held)
        {
            _ = Libc.pthread_setspecific(key, 0);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Stay(Action ready)
    {
        PlantingThread.ScrubStack();
        ready();
        Thread.Sleep(Timeout.Infinite);
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Packed
    {
        public int Number;
        public nint Slot;
    }
}
