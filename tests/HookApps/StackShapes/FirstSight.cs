// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;

namespace StackShapes;

/// <summary>What an allocation costs whose stack is new: all its addresses known, some unknown, and not new at all.</summary>
internal static class FirstSight
{
    private const int Depth = 7;
    private const int WarmPaths = 500;
    private const int MeasuredPaths = 1_000;

    private static readonly List<double>[] s_microseconds = [[], [], []];

    private static readonly Func<int, ulong, long>[] s_methods = [A, B, C, D];

    public static void Run()
    {
        Walk(1, WarmPaths);
        Thread.Sleep(500);
        Walk(WarmPaths + 1, WarmPaths);
        foreach (List<double> list in s_microseconds)
        {
            list.Clear();
        }

        Walk(1_000_000, MeasuredPaths);
        CallFresh();
        string[] names = ["known stack", "new stack of known addresses", "new stack with a new address"];
        for (int i = 0; i < names.Length; i++)
        {
            List<double> sorted = [.. s_microseconds[i].Order()];
            Console.WriteLine($"firstSight={names[i]}: count={sorted.Count} "
                + $"median={(sorted.Count > 0 ? sorted[sorted.Count / 2] : 0):0.00} us "
                + $"mean={(sorted.Count > 0 ? sorted.Average() : 0):0.00} us "
                + $"p99={(sorted.Count > 0 ? sorted[sorted.Count * 99 / 100] : 0):0.00} us");
        }
    }

    private static void Walk(int first, int count)
    {
        for (int i = 0; i < count; i++)
        {
            ulong path = unchecked((ulong)(first + i) * 0x9E3779B97F4A7C15);
            Step(Depth, path);
            // The same once more: a known stack.
            Step(Depth, path);
        }
    }

    // Another value type is another body of Fresh: addresses that nobody has seen.
    private static void CallFresh()
    {
        Type[] parts = [typeof(byte), typeof(short), typeof(int), typeof(long), typeof(char), typeof(float), typeof(double), typeof(bool)];
        MethodInfo fresh = typeof(FirstSight).GetMethod(nameof(Fresh), BindingFlags.NonPublic | BindingFlags.Static)!;
        foreach (Type one in parts)
        {
            foreach (Type two in parts)
            {
                MethodInfo made = fresh.MakeGenericMethod(typeof(ValueTuple<,>).MakeGenericType(one, two));
                made.CreateDelegate<Func<int, ulong, long>>()(4, 7);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Fresh<T>(int depth, ulong path) => Step(depth - 1, path) + Unsafe.SizeOf<T>();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Step(int depth, ulong path) => depth == 0 ? Allocate() : s_methods[path & 3](depth, path >> 2) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long A(int depth, ulong path) => Step(depth - 1, path) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long B(int depth, ulong path) => Step(depth - 1, path) + 2;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long C(int depth, ulong path) => Step(depth - 1, path) + 3;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long D(int depth, ulong path) => Step(depth - 1, path) + 4;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Allocate()
    {
        int sites = SiteDepot.Count;
        int frames = FrameTable.Count;
        long start = Stopwatch.GetTimestamp();
        nint block = Marshal.AllocHGlobal(16);
        long end = Stopwatch.GetTimestamp();
        Marshal.FreeHGlobal(block);
        int kind = SiteDepot.Count == sites ? 0 : FrameTable.Count == frames ? 1 : 2;
        s_microseconds[kind].Add((end - start) * 1e6 / Stopwatch.Frequency);
        return block & 1;
    }
}
