// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;

namespace LeakCases.Cases;

/// <summary>Pointers in static fields: of the program, of generic types, of managed references, and of a native library.</summary>
internal static unsafe class Statics
{
    private static nint s_zeroAtStart;
    private static nint[]? s_slots;
    private static object? s_object;

    public static IEnumerable<LeakCase> All =>
    [
        .. LeakCase.Pair("static-set-by-initializer", [26], static (plan, held) =>
        {
            nuint hidden = Words.Hide(plan.Alloc("A"));
            Seed.Hidden = held ? hidden : nuint.MaxValue;
            RuntimeHelpers.RunClassConstructor(typeof(InitializedOnce).TypeHandle);
        }),
        .. LeakCase.Pair("static-set-later", [27], static (plan, held) =>
        {
            s_zeroAtStart = plan.Alloc("A");
            Drop(ref s_zeroAtStart, held);
        }),
        .. LeakCase.Pair("static-of-native-library", [26], static (plan, held) =>
        {
            // optarg belongs to getopt, which no .NET process calls.
            nint* optarg = (nint*)Libc.Symbol("optarg");
            *optarg = plan.Alloc("A");
            Drop(ref *optarg, held);
        }),
        .. LeakCase.Pair("static-of-generic-type", [26], static (plan, held) =>
        {
            Generic<int>.Slot = plan.Alloc("A");
            Generic<string>.Slot = plan.Alloc("A");
            Generic<Plan>.Slot = plan.Alloc("A");
            Generic<(int, string)>.Slot = plan.Alloc("A");
            Drop(ref Generic<int>.Slot, held);
            Drop(ref Generic<string>.Slot, held);
            Drop(ref Generic<Plan>.Slot, held);
            Drop(ref Generic<(int, string)>.Slot, held);
        }, count: 4),
        .. LeakCase.Pair("static-array-of-integers", [40], static (plan, held) =>
        {
            ulong[] numbers = new ulong[1024];
            for (int i = 0; i < numbers.Length; i++)
            {
                numbers[i] = (ulong)plan.Alloc("A");
            }

            s_object = held ? numbers : new ulong[1024];
        }, count: 1024),
        .. LeakCase.Pair("static-array-of-pointers", [40], static (plan, held) =>
        {
            s_slots = new nint[16];
            s_slots[15] = plan.Alloc("A");
            Drop(ref s_slots[15], held);
        }),
    ];

    private static void Drop(ref nint slot, bool held)
    {
        if (!held)
        {
            slot = 0;
        }
    }

    private static class Seed
    {
        public static nuint Hidden;
    }

    private static class InitializedOnce
    {
        public static readonly nint Block = Words.Reveal(Seed.Hidden);
    }

    private static class Generic<T>
    {
        public static nint Slot;
    }
}
