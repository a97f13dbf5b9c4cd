// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the call stack below which every part is measured.
// Who calls it: each benchmark, with a static method that does its work many times.
// The one idea: a recorded stack has 16 frames at most, and here 16 are methods of this assembly: whatever way a benchmark
// is called (BenchmarkDotNet may call it from a method made at run time), the recorder never sees that far.
// Safety: bodies are static methods of this assembly, whose addresses never change.
using System.Runtime.CompilerServices;
using NativeLeak.Benchmarks.Churn;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Runs a body below frames that are always the same.</summary>
internal static unsafe class Frames
{
    /// <summary>Frames of a recorded stack: the body's, then those of <see cref="Nest"/>.</summary>
    public const int Count = 16;

    private const int WarmUpCalls = 40;

    /// <summary>Runs <paramref name="body"/> with its number of repetitions; its answer.</summary>
    public static long Below(delegate*<int, long> body, int repetitions) => Nest(Count - 2, body, repetitions) - (Count - 1);

    /// <summary>Runs it until the just-in-time compiler has come to rest.</summary>
    public static void WarmUpBelow(delegate*<int, long> body, int repetitions)
        => WarmUp.Run(WarmUp.DefaultPause, () =>
        {
            for (int i = 0; i < WarmUpCalls; i++)
            {
                Below(body, repetitions);
            }
        });

    // The sum keeps each call out of tail position.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Nest(int frames, delegate*<int, long> body, int repetitions)
        => (frames > 0 ? Nest(frames - 1, body, repetitions) : body(repetitions)) + 1;
}
