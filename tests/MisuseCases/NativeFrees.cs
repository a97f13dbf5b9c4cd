// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace MisuseCases;

/// <summary>What a free of a native block costs: strings that the C library copied and managed code frees.</summary>
internal static unsafe partial class NativeFrees
{
    private const int PairCount = 200_000, Rounds = 5;

    /// <summary>Prints nanoseconds of CPU per pair, the best of some rounds, while other threads have freed too.</summary>
    public static void Measure(int threadCount)
    {
        using ManualResetEventSlim isDone = new();
        using CountdownEvent hasFreed = new(threadCount);
        Thread[] others = new Thread[threadCount];
        for (int i = 0; i < threadCount; i++)
        {
            others[i] = new Thread(() =>
            {
                Copy(1000, 40);
                hasFreed.Signal();
                isDone.Wait();
            });
            others[i].Start();
        }

        hasFreed.Wait();
        foreach (int length in (int[])[20, 500, 5000])
        {
            double best = double.MaxValue;
            for (int round = 0; round < Rounds; round++)
            {
                TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
                Copy(PairCount, length);
                TimeSpan spent = Process.GetCurrentProcess().TotalProcessorTime - before;
                best = Math.Min(best, spent.TotalNanoseconds / PairCount);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"RESULT workload=native-frees bytes={length} other_threads={threadCount} cpu_ns_pair={best:F0}"));
        }

        isDone.Set();
        Array.ForEach(others, static thread => thread.Join());
    }

    private static void Copy(int count, int length)
    {
        byte* text = stackalloc byte[length];
        new Span<byte>(text, length - 1).Fill((byte)'x');
        text[length - 1] = 0;
        for (int i = 0; i < count; i++)
        {
            Marshal.FreeHGlobal(strdup(text));
        }
    }

    [LibraryImport("libc")]
    private static partial nint strdup(byte* text);
}
