// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: makes the C heap hand out memory that nobody used before.
// Who calls it: Plan, before every block.
// The one idea: old pointers into memory that was freed survive in the runtime's own structures (the JIT keeps its slabs
// for seconds, with the addresses of slabs it gave back), and so do the C library's old notes of where a free chunk began; a
// block planted at such an address would be called possible, rightly. So the heap is pushed past all it ever handed out,
// and what a slab leaves behind meanwhile is used up by blocks that stay; what follows a planted block is never free.
using System.Runtime.InteropServices;

namespace LeakCases.Planting;

/// <summary>Fresh ground for planted blocks.</summary>
internal static unsafe class CHeapGround
{
    private const int FillerCount = 256;
    private const int FillerByteCount = 2000;

    // More than the runtime takes of one heap while it starts. Below the size from which the C library maps blocks one by one.
    private const int StrideCount = 64;
    private const int StrideByteCount = 64 * 1024;

    // A million small nodes need no care, but for the first ones: the first block of a site is named when it is made, and what
    // that leaves in the thread's quick lists comes next. Of so many, some may be called possible.
    private const int SmallestFenced = 256;
    private const int CarefulCount = 64;

    // A block below the highest one lies in memory that came back: it stays, and the next one is tried.
    private const int MaximumFillers = 10_000;

    // Each of a thread's heaps starts at a multiple of this: one that is new may lie below the one before.
    private const int HeapShift = 26;

    // Larger than what the C library keeps in its quick lists: it comes from where the block before it came from.
    private const int FenceByteCount = 1100;

    private static readonly delegate* unmanaged<nuint, nuint, nint> s_calloc =
        (delegate* unmanaged<nuint, nuint, nint>)Libc.Symbol("calloc");

    // Whatever runs on the thread before a block is planted (the compiler, mostly) takes and gives back less than this.
    private const int StepCount = 4;
    private const int MaximumSteps = 256;

    [ThreadStatic]
    private static nint t_highest;

    [ThreadStatic]
    private static int t_steps;

    [ThreadStatic]
    private static int t_small;

    /// <summary>
    /// Makes the calling thread's next block of <paramref name="byteCount"/> bytes lie where none ever lay, unless it is so large
    /// that it gets a mapping of its own, or a small one after many others.
    /// </summary>
    public static void Prepare(int byteCount)
    {
        bool isPlaced = byteCount < StrideByteCount && (byteCount >= SmallestFenced || t_small++ < CarefulCount);
        if (t_highest == 0)
        {
            // What runs between here and the block must not be new: its first run takes memory of its own.
            Marshal.FreeHGlobal(Marshal.AllocHGlobal(byteCount));
            UseUp();
            PushOn(StrideCount);
        }
        else if (isPlaced && t_steps < MaximumSteps)
        {
            t_steps += StepCount;
            PushOn(StepCount);
        }

        // Where a block lies, one of its size would have lain: this uses up what came back.
        for (int i = 0; isPlaced && i < MaximumFillers; i++)
        {
            nint filler = s_calloc(1, (nuint)byteCount);
            bool isFresh = filler > t_highest || filler >> HeapShift != t_highest >> HeapShift;
            t_highest = isFresh ? filler : t_highest;
            if (isFresh)
            {
                return;
            }
        }
    }

    private static void UseUp()
    {
        for (int size = FillerByteCount; size > 16; size /= 2)
        {
            for (int i = 0; i < FillerCount; i++)
            {
                _ = s_calloc(1, (nuint)size);
            }
        }
    }

    private static void PushOn(int strides)
    {
        for (int i = 0; i < strides; i++)
        {
            t_highest = Math.Max(t_highest, s_calloc(1, StrideByteCount));
        }
    }

    /// <summary>Puts a block that stays behind the one just planted, if it had <paramref name="byteCount"/> bytes to fence.</summary>
    public static void Fence(int byteCount)
    {
        if (byteCount >= SmallestFenced)
        {
            _ = s_calloc(1, FenceByteCount);
        }
    }
}
