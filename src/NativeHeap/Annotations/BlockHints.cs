// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds the block a hint is about and notes the hint; forgets what was noted when the block goes.
// Who calls it: LeakHints, BlockPool, scopes; AllocationRecorder when a block goes whose record says Annotated.
// The one idea: note first, then set the flag in the pinned record, then look whether the block is still there: either the
// free sees the flag and drops the note, or the hint sees that the block is gone and drops it itself.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>Hints on single blocks. Every member is thread-safe; none throws.</summary>
internal static class BlockHints
{
    private const int BstrPrefixByteCount = 8;
    private const long FirstPurgeCount = 4096;

    // Plain static fields: frees come here, and no class constructor runs inside a hook.
    private static AnnotationTable? s_table;
    private static long s_purgeAt;
    private static long s_overlaps;

    /// <summary>Whether blocks have records, so that hints can be about one.</summary>
    public static bool IsOn
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => AllocationRecorder.IsRecording;
    }

    /// <summary>Blocks that were declared and overlap recorded ones. A statistic.</summary>
    // Order: a statistic.
    public static long Overlaps => Volatile.Read(ref s_overlaps);

    /// <summary>The side table; null when there is no memory for it.</summary>
    public static AnnotationTable? Table
    {
        get
        {
            // Order: acquires a complete table; pairs with the write below.
            return Volatile.Read(ref s_table) ?? Create();
        }
    }

    /// <summary>What the frozen world needs; nothing when no hint was ever given.</summary>
    public static FrozenAnnotations Freeze() => s_table is { } table ? table.Freeze() : default;

    /// <summary>As <see cref="AnnotationTable.TryCopy"/>.</summary>
    public static bool TryCopy(out FrozenAnnotations copy, out MemoryRange pages)
    {
        (copy, pages) = (default, default);
        return s_table is not { } table || table.TryCopy(out copy, out pages);
    }

    /// <summary>Finds and pins the block whose pointer this is: its start, or behind the length prefix of a BSTR.</summary>
    public static bool TryFind(in EpochGuard guard, nuint pointer, out RecordHandle found)
    {
        if (RecordTable.TryFind(in guard, pointer, out found))
        {
            return true;
        }

        if (pointer > BstrPrefixByteCount && RecordTable.TryFind(in guard, pointer - BstrPrefixByteCount, out found))
        {
            if ((found.Record.Flags & BlockFlags.BstrPrefixed) != 0)
            {
                return true;
            }

            found.Dispose();
        }

        return false;
    }

    /// <summary>Notes something about the block at <paramref name="pointer"/>. False when there is no such block.</summary>
    public static bool TryAnnotate(nuint pointer, AnnotationKind kind, ulong first = 0, ulong second = 0)
    {
        if (!IsOn || pointer == 0 || Table is not { } table)
        {
            return false;
        }

        PurgeNowAndThen(table);
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!TryFind(in guard, pointer, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle block = found;
        return TryAnnotate(table, in block, kind, first, second);
    }

    /// <summary>As the other, for a block that the caller has pinned.</summary>
    public static bool TryAnnotate(
        AnnotationTable table, in RecordHandle block, AnnotationKind kind, ulong first, ulong second)
    {
        BlockRecord record = block.Record;
        if (!table.TrySet(record.Address, record.Ordinal, kind, first, second))
        {
            return false;
        }

        if (block.TryChangeFlags(BlockFlags.Annotated, BlockFlags.None))
        {
            return true;
        }

        table.Drop(record.Address, record.Ordinal);
        return false;
    }

    /// <summary>Changes the flags of the block at <paramref name="pointer"/>. False when there is no such block.</summary>
    public static bool TryFlag(nuint pointer, BlockFlags add, BlockFlags remove)
    {
        if (!IsOn || pointer == 0)
        {
            return false;
        }

        using EpochGuard guard = RecordTable.EnterGuard();
        if (!TryFind(in guard, pointer, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle block = found;
        return block.TryChangeFlags(add, remove);
    }

    /// <summary>A block goes whose record says Annotated. Called on any thread inside a free; no lock is held.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void OnFreed(nuint address, ulong ordinal, AllocationApi api)
    {
        s_table?.Drop(address, ordinal);
        if (api == AllocationApi.BlockPoolAlloc)
        {
            // The free of a superblock whose first block begins where it does.
            PoolBlocks.TryForgetSuperblock(address, out _);
        }
    }

    /// <summary>Whether a recorded block has a byte in common with [start, start + byteCount).</summary>
    public static bool Overlap(nuint start, nuint byteCount)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        nuint at = start;
        bool isInside = RecordTable.TryFindInterior(in guard, start, out RecordHandle found);
        found.Dispose();
        bool isBehind = !isInside
            && RecordTable.TryFindNext(in guard, ref at, start + Math.Max(byteCount, 1), out found);
        found.Dispose();
        if (isInside || isBehind)
        {
            // Order: a statistic.
            Interlocked.Increment(ref s_overlaps);
        }

        return isInside || isBehind;
    }

    private static AnnotationTable? Create()
    {
        AnnotationTable? table = Platform.IsSupported ? AnnotationTable.TryCreate(Platform.Pages) : null;
        // Order: publishes a complete table; pairs with the reads of s_table. The first one wins; another is one page.
        return Interlocked.CompareExchange(ref s_table, table, null) ?? table;
    }

    // Blocks that native code freed take nothing along.
    private static void PurgeNowAndThen(AnnotationTable table)
    {
        // Order: a guess at the right time for it is enough.
        if (table.Count < Math.Max(FirstPurgeCount, Volatile.Read(ref s_purgeAt)))
        {
            return;
        }

        bool isEnd = false;
        for (ulong slot = 0; !isEnd; slot++)
        {
            if (table.TryRead(slot, out nuint address, out ulong ordinal, out isEnd) && !IsLive(address, ordinal))
            {
                table.Drop(address, ordinal);
            }
        }

        // Order: as above.
        Volatile.Write(ref s_purgeAt, table.Count * 2);
    }

    private static bool IsLive(nuint address, ulong ordinal)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, address, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle block = found;
        return block.Record.Ordinal == ordinal;
    }
}
