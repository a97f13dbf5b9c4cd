// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace StackShapes.Shapes;

/// <summary>
/// Random paths through methods of all kinds, while the tiers compile them again and again. A path is named by the
/// choices made on the way down, so that its truth is taken once and each allocation is held to it.
/// </summary>
internal static class Mixture
{
    private const int MaximumDepth = 9;
    private const int PathCount = 1500;

    private static readonly Func<int, ulong, long>[] s_same = [Same0, Same1, Same2, Same3];
    private static readonly Caller s_virtual = new();
    private static readonly Caller s_other = new DerivedCaller();
    private static readonly ICaller[] s_interface = [new StructCaller(), new ClassCaller()];
    private static readonly Func<int, ulong, long> s_lambda = [MethodImpl(MethodImplOptions.NoInlining)] static (depth, path) => Step(depth - 1, path) + 1;

    [ThreadStatic]
    private static uint t_random;

    private interface ICaller
    {
        long Call(int depth, ulong path);
    }

    public static void Run(int count, int seed)
    {
        for (int i = 0; i < count; i++)
        {
            t_random = PathSeed(seed, i);
            int depth = 1 + (int)((Next() >> 8) % MaximumDepth);
            Step(depth, 0x1234);
        }
    }

    public static void RunOnThreads(int count, int seed)
    {
        Thread[] threads = [.. Enumerable.Range(1, 3).Select(number => new Thread(() => RunOne(count, seed + (100 * number))))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
    }

    // Another caller of Step than Run, and so another path.
    private static void RunOne(int count, int seed)
    {
        for (int i = 0; i < count; i++)
        {
            t_random = PathSeed(seed, i);
            int depth = 1 + (int)((Next() >> 8) % MaximumDepth);
            Step(depth, 0x987654);
        }
    }

    // So many paths, walked again and again in another order.
    private static uint PathSeed(int seed, int i)
        => (uint)(((i * 7919) + seed) % PathCount) * 2654435761;

    private static uint Next() => t_random = (t_random * 1664525) + 1013904223;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Step(int depth, ulong path)
    {
        if (depth == 0)
        {
            return Leaf.Allocate(path) + 1;
        }

        uint choice = Next() >> 12 & 31;
        path = (((path << 5) | (path >> 59)) ^ (choice + 1)) * 0x9E3779B97F4A7C15;
        return choice switch
        {
            0 => Thin(depth, path) - 1,
            1 => Thinner(depth, path) - 1,
            2 => Thin(depth, path) + 1,
            3 => Fat(depth, path) - 1,
            4 => Generic<string>(depth, path) - 1,
            5 => Generic<int>(depth, path) - 1,
            6 => Generic<object>(depth, path) - 1,
            7 => s_virtual.Call(depth, path) - 1,
            8 => s_other.Call(depth, path) - 1,
            9 => s_interface[path >> 20 & 1].Call(depth, path) - 1,
            10 => s_lambda(depth, path) - 1,
            11 => Guarded(depth, path) - 1,
            12 => Loop(depth, path) - 1,
            13 => AtOnce(depth, path) - 1,
            14 => AtOnceThin(depth, path) - 1,
            15 => Local(depth, path) - 1,
            16 => Two(depth, path) - 1,
            17 => new StructCaller().Call(depth, path) - 1,
            18 => WithBuffer(depth, path) - 1,
            19 => Many(1, 2, 3, 4, 5, 6, 7, 8, depth, path) - 1,
            20 or 21 => s_same[path >> 20 & 3](depth, path) - 1,
            _ => Step(depth - 1, path) - 1,
        };

        [MethodImpl(MethodImplOptions.NoInlining)]
        static long Local(int depth, ulong path) => Step(depth - 1, path) + 2;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Zero() => 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Thin(int depth, ulong path) => Step(depth - 1, path) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Thinner(int depth, ulong path) => Thin(depth, path) + 1;

    // Two lines that call the same method.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Two(int depth, ulong path)
    {
        long sum = depth % 2 == 0
            ? Thin(depth, path)
            : Thin(depth, path) + 1;
        return sum + Zero();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Fat(int depth, ulong path)
    {
        long sum = Zero();
        sum += Step(depth - 1, path);
        return sum + Zero();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Generic<T>(int depth, ulong path) => Step(depth - 1, path) + (typeof(T) == typeof(int) ? 1 : 2);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Guarded(int depth, ulong path)
    {
        try
        {
            return Step(depth - 1, path);
        }
        finally
        {
            t_random ^= 1;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Loop(int depth, ulong path)
    {
        long sum = 0;
        for (int i = 0; i < 50; i++)
        {
            sum += i == 7 ? Step(depth - 1, path) : i;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe long WithBuffer(int depth, ulong path)
    {
        byte* room = stackalloc byte[16 + (depth * 8)];
        room[depth] = (byte)depth;
        return Step(depth - 1, path) + room[depth];
    }

    // More arguments than registers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Many(int a, int b, int c, int d, int e, int f, int g, int h, int depth, ulong path)
        => Step(depth - 1, path) + a + b + c + d + e + f + g + h;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long AtOnce(int depth, ulong path) => Zero() + Step(depth - 1, path);

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long AtOnceThin(int depth, ulong path) => Step(depth - 1, path) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same0(int depth, ulong path) => AtOnceThin(depth, path) + Zero();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same1(int depth, ulong path) => AtOnceThin(depth, path) - Zero();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same2(int depth, ulong path) => AtOnceThin(depth, path) ^ Zero();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Same3(int depth, ulong path) => Zero() + AtOnceThin(depth, path) + 3;

    private class Caller
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public virtual long Call(int depth, ulong path) => Step(depth - 1, path) + 1;
    }

    private sealed class DerivedCaller : Caller
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public override long Call(int depth, ulong path) => base.Call(depth, path) + 1;
    }

    private sealed class ClassCaller : ICaller
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        long ICaller.Call(int depth, ulong path) => Step(depth - 1, path) + 4;
    }

    private struct StructCaller : ICaller
    {
        public long Sum;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public long Call(int depth, ulong path)
        {
            Sum += Step(depth - 1, path);
            return Sum;
        }
    }
}
