// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>
/// Ranges that the program declares as roots. The range is a dead part of a sleeping thread's stack: no scan reads it by
/// itself.
/// </summary>
internal static unsafe class RegisteredRoots
{
    private const int KibiByte = 1024;

    // Deeper than the compiler goes when it compiles what is called later on the same thread.
    private const int Depth = 512 * KibiByte;
    private const int WindowByteCount = 64;
    private const int EdgeCount = 8;

    private static readonly List<IDisposable?> s_registrations = [];

    public static IEnumerable<LeakCase> All =>
    [
        .. LeakCase.Pair("registered-root", [36], static (plan, held) => InDeadStack(plan, 1, window =>
        {
            IDisposable? registration = DetectorApi.RegisterRoot(window, WindowByteCount);
            s_registrations.Add(registration);
            if (!held)
            {
                registration?.Dispose();
            }
        }), threads: 2),
        .. LeakCase.Pair("root-registered-twice", [38], static (plan, held) => InDeadStack(plan, 1, window =>
        {
            IDisposable? first = DetectorApi.RegisterRoot(window, WindowByteCount);
            IDisposable? second = DetectorApi.RegisterRoot(window, WindowByteCount);
            first?.Dispose();
            if (!held)
            {
                second?.Dispose();
            }
        }), threads: 2),
        .. LeakCase.Pair("root-unregistered-once-too-often", [39], static (plan, held) => InDeadStack(plan, 1, window =>
        {
            IDisposable? first = DetectorApi.RegisterRoot(window, WindowByteCount);
            IDisposable? second = held ? DetectorApi.RegisterRoot(window, WindowByteCount) : null;
            first?.Dispose();
            first?.Dispose();
            s_registrations.Add(second);
        }), threads: 2),
        .. LeakCase.Pair("registered-root-with-unaligned-edges", [42], static (plan, held)
            => InDeadStack(plan, EdgeCount * EdgeCount, window =>
            {
                for (int i = 0; held && i < EdgeCount * EdgeCount; i++)
                {
                    int before = i / EdgeCount;
                    int behind = i % EdgeCount;
                    s_registrations.Add(DetectorApi.RegisterRoot(
                        window + (i * WindowByteCount) + before, (nuint)(WindowByteCount - before - behind)));
                }
            }), count: EdgeCount * EdgeCount, threads: 2),
    ];

    // Each window of 64 bytes gets one block's address, in its middle.
    private static void InDeadStack(Plan plan, int windowCount, Action<nint> register)
    {
        nuint[] hidden = new nuint[windowCount];
        for (int i = 0; i < windowCount; i++)
        {
            hidden[i] = Words.Hide(plan.Alloc("A"));
        }

        PlantingThread.StartActor(ready =>
        {
            register(LeaveBehind(hidden));
            ready();
            Thread.Sleep(Timeout.Infinite);
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint LeaveBehind(nuint[] hidden)
    {
        byte* dead = stackalloc byte[(hidden.Length * WindowByteCount) + Depth];
        for (int i = 0; i < hidden.Length; i++)
        {
            Words.Reveal(hidden[i], (nint*)(dead + (i * WindowByteCount) + (WindowByteCount / 2)));
        }

        return (nint)dead;
    }
}
