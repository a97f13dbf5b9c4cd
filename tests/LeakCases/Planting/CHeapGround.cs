// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: makes the C heap hand out memory that nobody used before.
// Who calls it: Plan, before a thread's first block.
// The one idea: old pointers into memory that was freed survive in the runtime's own structures, and so do the C library's
// old notes of where a free chunk began; a block planted at such an address would be called possible, rightly. So the free
// chunks are used up first, by blocks that stay, and what follows a planted block is never free.
namespace LeakCases.Planting;

/// <summary>Fresh ground for planted blocks.</summary>
internal static unsafe class CHeapGround
{
    private const int FillerCount = 256;
    private const int FillerByteCount = 2000;

    // Larger than what the C library keeps in its quick lists: it comes from where the block before it came from.
    private const int FenceByteCount = 1100;

    private static readonly delegate* unmanaged<nuint, nuint, nint> s_calloc =
        (delegate* unmanaged<nuint, nuint, nint>)Libc.Symbol("calloc");

    [ThreadStatic]
    private static bool t_isPrepared;

    /// <summary>Uses up what is free in the calling thread's part of the C heap, once a thread.</summary>
    public static void Prepare()
    {
        if (t_isPrepared)
        {
            return;
        }

        t_isPrepared = true;
        for (int size = FillerByteCount; size > 16; size /= 2)
        {
            for (int i = 0; i < FillerCount; i++)
            {
                _ = s_calloc(1, (nuint)size);
            }
        }
    }

    /// <summary>Puts a block that stays behind the one just planted.</summary>
    public static void Fence() => _ = s_calloc(1, FenceByteCount);
}
