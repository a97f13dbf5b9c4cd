// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace StackShapes.Shapes;

/// <summary>Methods that are replaced while they run (on-stack replacement), and those that never are.</summary>
internal static class Loops
{
    private const int Turns = 120_000;
    private const int Often = 4_000;

    public static IEnumerable<(string, Action)> All() =>
    [
        // Another instantiation over a struct is another body, and starts in tier 0 again.
        ("on-stack replacement", Replaced),
        ("loop with a deep call", static () => CallKinds.Keep(Outer<short>(40) + Outer<ushort>(40))),
        ("optimised at once", static () => AllShapes.Repeat(60, static () => CallKinds.Keep(Optimised(3)))),
        ("never optimised", static () => AllShapes.Repeat(60, static () => CallKinds.Keep(Unoptimised(3)))),
    ];

    private static void Replaced()
    {
        CallKinds.Keep(Loop<byte>(Turns) + Loop<sbyte>(Turns));
        CallKinds.Keep(Loop<char>(Turns) + Loop<long>(Turns));
        CallKinds.Keep(TwoLoops<byte>(Turns));
        CallKinds.Keep(LoopInTry<byte>(Turns));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Loop<T>(int turns)
    {
        long sum = typeof(T).Name.Length;
        for (int i = 0; i < turns; i++)
        {
            sum += i % Often == 0
                ? Leaf.Allocate()
                : i;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long TwoLoops<T>(int turns)
    {
        long sum = typeof(T).Name.Length;
        for (int i = 0; i < turns; i++)
        {
            sum += i % Often == 0 ? Leaf.Allocate() : i;
            for (int k = 0; k < 3; k++)
            {
                sum += i % Often == k ? Leaf.Allocate() : k;
            }
        }

        return sum + Leaf.Allocate();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long LoopInTry<T>(int turns)
    {
        long sum = typeof(T).Name.Length;
        for (int i = 0; i < turns; i++)
        {
            try
            {
                sum += i % Often == 0 ? Leaf.Allocate() : i;
            }
            finally
            {
                sum -= i % Often == 1 ? Leaf.Allocate() : 1;
            }
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Outer<T>(int turns)
    {
        long sum = 0;
        for (int i = 0; i < turns * 1000; i++)
        {
            sum += i % 1000 == 0 ? Inner<T>(3) : 1;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Inner<T>(int depth) => depth == 0 ? Leaf.Allocate() + typeof(T).Name.Length : Inner<T>(depth - 1) + 1;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long Optimised(int depth) => depth == 0 ? Leaf.Allocate() : Optimised(depth - 1) + 1;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
    private static long Unoptimised(int depth) => depth == 0 ? Leaf.Allocate() : Unoptimised(depth - 1) + 1;
}
