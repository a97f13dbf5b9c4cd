// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the bytes that blocks are filled with, and the check that they are still there.
// Who calls it: the allocating and freeing paths while `poison` or `quarantine` is on; Quarantine.
// The one idea: neither pattern, read as a word, is an address (both are non-canonical), so a filled block keeps nothing
// alive; both are easy to recognise in a debugger, and are those of the Visual C++ debug heap.
// Safety: callers own the bytes they name.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Fills and checks blocks.</summary>
internal static unsafe class PoisonPattern
{
    /// <summary>What a new block is filled with, if its API does not promise zeros.</summary>
    public const byte Allocated = 0xCD;

    /// <summary>What a freed block is filled with.</summary>
    public const byte Freed = 0xDD;

    // A long fill in one go would hold up a collection; the span fill of the runtime is one loop without a poll.
    private const nuint PieceByteCount = 1 << 20;

    /// <summary>Fills a freed block.</summary>
    public static void FillFreed(void* block, nuint byteCount) => Fill((byte*)block, byteCount, Freed);

    /// <summary>Fills a new block, or the new end of one that has grown.</summary>
    public static void FillAllocated(void* block, nuint byteCount) => Fill((byte*)block, byteCount, Allocated);

    /// <summary>Finds the first byte of a freed block that was written to.</summary>
    /// <returns>Its offset; <paramref name="byteCount"/> when there is none.</returns>
    public static nuint FindDifference(void* block, nuint byteCount)
    {
        byte* bytes = (byte*)block;
        for (nuint at = 0; at < byteCount;)
        {
            int piece = (int)Math.Min(byteCount - at, PieceByteCount);
            int difference = new ReadOnlySpan<byte>(bytes + at, piece).IndexOfAnyExcept(Freed);
            if (difference >= 0)
            {
                return at + (nuint)difference;
            }

            at += (nuint)piece;
        }

        return byteCount;
    }

    /// <summary>Describes the damage of a block in an entry of the log.</summary>
    public static MisuseEntry Describe(void* block, nuint byteCount, nuint offset, uint site, uint freeSite,
        AllocationApi api)
    {
        MisuseEntry entry = new()
        {
            Code = MisuseCode.WriteAfterFree,
            Address = (nuint)block,
            BlockAddress = (nuint)block,
            ByteCount = byteCount,
            Site = site,
            FirstFreeSite = freeSite,
            Offset = (uint)Math.Min(offset, uint.MaxValue),
            Api = api,
            Count = 1,
            ContentByteCount = (byte)Math.Min(byteCount - offset, MisuseEntry.MaximumContentByteCount),
        };
        new ReadOnlySpan<byte>((byte*)block + offset, entry.ContentByteCount)
            .CopyTo(new Span<byte>(entry.Content, MisuseEntry.MaximumContentByteCount));
        return entry;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fill(byte* bytes, nuint byteCount, byte value)
    {
        for (nuint at = 0; at < byteCount; at += PieceByteCount)
        {
            NativeMemory.Fill(bytes + at, Math.Min(byteCount - at, PieceByteCount), value);
        }
    }
}
