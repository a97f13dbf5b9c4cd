// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: many blocks of 64 bytes with four random pointers each, one in a hundred of them lost, in chains of four.
// Who calls it: GraphWorkload.
// The one idea: the same graph as in benchmarks/peers/scan.c, and the truth about it: the addresses of what was lost, kept
// complemented so that they are no pointers.
// Safety: lists have room for every block; blocks have 64 bytes.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>The graph.</summary>
internal static unsafe class Graph
{
    /// <summary>Size of a block.</summary>
    public const int BlockByteCount = 64;

    private const int LostPerHundred = 1, ChainLength = 4, Pointers = 4, FreshFrom = 20;

    // Sixteen mebibytes: about as much as the C heap had of others' before, and gave back from its top.
    private const long LeastFresh = 200_000;

    // The only root.
    private static nuint s_root;

    /// <summary>Complements of the lost blocks' addresses; each chain's head comes first.</summary>
    public static nuint* Hidden { get; private set; }

    /// <summary>How many are lost.</summary>
    public static long LostCount { get; private set; }

    /// <summary>Makes it. Nothing but the root points into it afterwards.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Build(long count)
    {
        Xorshift random = new();
        long lost = count * LostPerHundred / 100 / ChainLength * ChainLength, kept = count - lost;
        long fresh = Math.Min(Math.Max(count / FreshFrom, LeastFresh), count / 2);
        nuint* keep = List(kept);
        Hidden = List(lost);
        LostCount = lost;
        byte* isLost = (byte*)List((count / 8) + 1);
        for (long chosen = 0; chosen < lost;)
        {
            // Not the first blocks: they get memory that others freed, and stale pointers to its inside are about.
            long at = fresh + random.Below(count - fresh);
            chosen += 1 - isLost[at];
            isLost[at] = 1;
        }

        long k = 0, h = 0;
        for (long i = 0; i < count; i++)
        {
            nuint* block = (nuint*)TrackedMemory.Alloc(BlockByteCount);
            new Span<byte>(block, BlockByteCount).Fill(0x11);
            if (isLost[i] != 0)
            {
                Hidden[h++] = ~(nuint)block;
            }
            else
            {
                keep[k++] = (nuint)block;
            }
        }

        Shuffle(ref random, keep, kept);
        Shuffle(ref random, Hidden, lost);
        Connect(ref random, keep, kept, lost);
        s_root = keep[0];
        Release(keep, kept);
        Release((nuint*)isLost, (count / 8) + 1);
    }

    private static void Connect(ref Xorshift random, nuint* keep, long kept, long lost)
    {
        for (long i = 0; i < kept; i++)
        {
            nuint* block = (nuint*)keep[i];
            for (int p = 0; p < Pointers; p++)
            {
                // A tree of three children, so that all are reached; the rest at random.
                long child = (3 * i) + 1 + p;
                block[p] = keep[p < Pointers - 1 && child < kept ? child : random.Below(kept)];
            }
        }

        for (long i = 0; i < lost; i++)
        {
            nuint* block = (nuint*)~Hidden[i];
            block[0] = i % ChainLength != ChainLength - 1 ? ~Hidden[i + 1] : 0;
            for (int p = 1; p < Pointers; p++)
            {
                block[p] = keep[random.Below(kept)];
            }
        }
    }

    private static void Shuffle(ref Xorshift random, nuint* list, long count)
    {
        for (long i = count - 1; i > 0; i--)
        {
            long other = random.Below(i + 1);
            (list[i], list[other]) = (list[other], list[i]);
        }
    }

    // Pages of the detector's own, which are no roots.
    private static nuint* List(long count)
    {
        nuint list = Platform.Pages.AllocatePrivate(ByteCount(count));
        return list != 0 ? (nuint*)list : throw new InvalidOperationException("no memory for the graph");
    }

    private static void Release(nuint* list, long count) => Platform.Pages.Release((nuint)list, ByteCount(count));

    private static nuint ByteCount(long count) => (((nuint)count * 8) + 4096) & ~(nuint)4095;
}
