// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what code can tell the detector about single blocks.
// Who calls it: applications.
// The one idea: a hint is about one block from now until it is freed; none is needed for a program to be right, so none can
// fail in a way that a program would have to handle.
// Safety: pointers are made numbers here; only Erase writes, to the variable it is given.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak;

/// <summary>Tells the leak detector what it cannot know about single blocks of native memory.</summary>
/// <remarks>
/// <para>Every member takes the pointer that the allocation returned. It answers <see langword="false"/> when there is no
/// such block: null, memory of others, freed already, the middle of a block, or no detector running. None throws for
/// that. A hint holds until the block is freed or reallocated; a block that is handed out at the same address later
/// inherits nothing.</para>
/// <para>Thread safety: every member, at any time, on any thread; which of two simultaneous hints of one kind wins is not
/// defined. A scan sees what was said before it
/// began.</para>
/// <para>Cost: about a read of a static field when no detector runs; else a search of the record table, and for hints that
/// need more than a bit a search of a side table (32 bytes an entry). A block without hints costs nothing.</para>
/// <para>The ideas are those of the Linux kernel's kmemleak (the kmemleak_* calls), of LeakSanitizer's interface and of
/// Valgrind's client requests.</para>
/// </remarks>
public static unsafe class LeakHints
{
    /// <summary>The block is never reported. It is read like any reachable block: what it points to is reachable.
    /// (kmemleak_not_leak.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <returns>Whether there is such a block.</returns>
    public static bool NotLeak(void* block)
        => BlockHints.TryFlag((nuint)block, BlockFlags.NotLeak, BlockFlags.Ignored);

    /// <summary>The block is not reported, and neither is what only it leads to: both are counted as ignored.
    /// (LeakSanitizer's __lsan_ignore_object.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <returns>Whether there is such a block.</returns>
    public static bool Ignore(void* block)
        => BlockHints.TryFlag((nuint)block, BlockFlags.Ignored, BlockFlags.NotLeak);

    /// <summary>The block's contents are not read: what looks like a pointer in it is none. The block itself is judged as
    /// ever. (kmemleak_no_scan; Boehm's GC_malloc_atomic.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <returns>Whether there is such a block.</returns>
    public static bool NoScan(void* block) => BlockHints.TryAnnotate((nuint)block, AnnotationKind.NoScan);

    /// <summary>Of the block only this part is read, and other parts named by other calls. (kmemleak_scan_area.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <param name="offset">Where the part begins, in bytes from <paramref name="block"/>.</param>
    /// <param name="byteCount">Its length in bytes; 0 names no part, but ends the reading of the whole.</param>
    /// <returns>Whether there is such a block, and the part lies in it.</returns>
    public static bool ScanArea(void* block, nuint offset, nuint byteCount)
    {
        if (!BlockHints.IsOn || !TryRead((nuint)block, out BlockRecord record))
        {
            return false;
        }

        nuint from = (nuint)block - record.Address;
        bool isInside = offset <= record.BlockByteCount - from && byteCount <= record.BlockByteCount - from - offset;
        return isInside
            && BlockHints.TryAnnotate((nuint)block, AnnotationKind.ScanArea, from + offset, byteCount);
    }

    /// <summary>Pointers in the block are written in a form of their own: they are read in that form too. A later call
    /// replaces an earlier one.</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <param name="decoder">The form; the default value takes the hint back.</param>
    /// <returns>Whether there is such a block.</returns>
    public static bool DecodePointers(void* block, PointerDecoder decoder)
        => BlockHints.TryAnnotate((nuint)block, AnnotationKind.Decoder, decoder.Form, decoder.Value);

    /// <summary>The next scan does not judge the block: it is on its way from one holder to another. It counts as young
    /// there. The scan at exit judges it. (kmemleak_transient_leak.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <returns>Whether there is such a block.</returns>
    public static bool TransientLeak(void* block)
        => BlockHints.TryAnnotate((nuint)block, AnnotationKind.Transient, ScanNumbers.Next);

    /// <summary>Sets a variable that is dead to null, so that what it still holds keeps no block alive. It is set whether
    /// a detector runs or not. (kmemleak_erase.)</summary>
    /// <param name="variable">The variable.</param>
    /// <returns>Whether it pointed to a known block, to its start or inside.</returns>
    public static bool Erase(ref void* variable)
    {
        fixed (void** place = &variable)
        {
            return Erase(ref *(nint*)place);
        }
    }

    /// <summary>As the other, for a pointer that is kept as a number.</summary>
    /// <param name="variable">The variable.</param>
    /// <returns>Whether it pointed to a known block, to its start or inside.</returns>
    public static bool Erase(ref nint variable)
    {
        nuint address = (nuint)variable;
        // Order: none; volatile so that the store is made though nobody reads the variable any more.
        Volatile.Write(ref variable, 0);
        if (!BlockHints.IsOn || address == 0)
        {
            return false;
        }

        using EpochGuard guard = RecordTable.EnterGuard();
        bool isKnown = RecordTable.TryFindInterior(in guard, address, out RecordHandle found);
        found.Dispose();
        return isKnown;
    }

    /// <summary>Reports name the caller's call stack as the block's from now on: for code that hands out blocks it
    /// allocated earlier. The API that is named stays. (kmemleak_update_trace.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <returns>Whether there is such a block.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool UpdateSite(void* block)
    {
        if (!BlockHints.IsOn || BlockHints.Table is not { } table || !TryRead((nuint)block, out BlockRecord record))
        {
            return false;
        }

        AllocationCall call = StackWalker.Caller();
        uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out _);
        if (!table.TryGet(record.Address, record.Ordinal, AnnotationKind.FirstSite, out _, out _)
            && !BlockHints.TryAnnotate((nuint)block, AnnotationKind.FirstSite, record.Site))
        {
            return false;
        }

        using EpochGuard guard = RecordTable.EnterGuard();
        if (!BlockHints.TryFind(in guard, (nuint)block, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle handle = found;
        return handle.Record.Ordinal == record.Ordinal && handle.TryChangeSite(site);
    }

    /// <summary>Native code owns the block from now on: the detector forgets it. It is never reported, what it points to
    /// counts as reachable, and its free is not expected.</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <returns>Whether there was such a block.</returns>
    public static bool Detach(void* block)
        => BlockHints.IsOn && TryRead((nuint)block, out BlockRecord record) && PoolBlocks.TryRemove(record.Address);

    /// <summary>The application owns a block that native code made: from now on it is recorded and judged like its own.
    /// Whoever frees it calls <see cref="Detach"/> before, unless it is freed through an API that the detector sees.
    /// (kmemleak_alloc; Valgrind's MALLOCLIKE_BLOCK.)</summary>
    /// <param name="block">The block; null is refused.</param>
    /// <param name="byteCount">Its length in bytes; 0 counts as one byte when pointers to it are looked for.</param>
    /// <param name="freeName">The function that frees it, for reports; null or empty: not known.</param>
    /// <returns>Whether the block is recorded now. False also when a byte of it belongs to a recorded block (reports count
    /// those), and for blocks that level sample does not take.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Adopt(void* block, nuint byteCount, string? freeName)
    {
        nuint start = (nuint)block;
        if (!BlockHints.IsOn || start == 0 || byteCount > nuint.MaxValue - start || BlockHints.Overlap(start, byteCount))
        {
            return false;
        }

        AllocationCall call = StackWalker.Caller();
        AllocationRecorder.OnAllocated(start, byteCount, AllocationApi.LeakHintsAdopt, BlockFlags.None, in call);
        uint text = string.IsNullOrEmpty(freeName) ? 0 : HintTexts.NumberOf(freeName);
        return text == 0
            ? TryRead(start, out _)
            : BlockHints.TryAnnotate(start, AnnotationKind.FreeName, text);
    }

    /// <summary>A part of a block is given back: what is left before and behind it are blocks of their own, with the site,
    /// the age and the simple hints (<see cref="NotLeak"/>, <see cref="Ignore"/>) of the whole; other hints stay with what
    /// is left before. (kmemleak_free_part.)</summary>
    /// <param name="part">Where the part begins: any byte of a block; null: no such block.</param>
    /// <param name="byteCount">Its length in bytes; what goes beyond the block's end is not counted. 0 changes
    /// nothing.</param>
    /// <returns>Whether the part lies in a block.</returns>
    public static bool FreePart(void* part, nuint byteCount)
    {
        if (!BlockHints.IsOn || part == null)
        {
            return false;
        }

        BlockRecord whole;
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            if (!RecordTable.TryFindInterior(in guard, (nuint)part, out RecordHandle found))
            {
                return false;
            }

            using RecordHandle block = found;
            whole = block.Record;
        }

        if (byteCount == 0)
        {
            return true;
        }

        bool isDone = RecordTable.FreePart((nuint)part, byteCount);
        if (isDone && whole.Address == (nuint)part)
        {
            BlockHints.Table?.Drop(whole.Address, whole.Ordinal);
        }

        return isDone;
    }

    /// <summary>The block is reachable only when so many pointers to its start are found, because some of them belong to its
    /// own bookkeeping. (kmemleak's min_count, as its vmalloc has it.)</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <param name="count">How many: 1 is the rule for every block, 0 the same as <see cref="NotLeak"/>.</param>
    /// <param name="surplusTo">Each pointer found beyond <paramref name="count"/> counts as one to this block instead
    /// (kmemleak's excess references); null: to none.</param>
    /// <returns>Whether there is such a block.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative, detector or not.</exception>
    public static bool MinimumReferences(void* block, int count, void* surplusTo = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return count == 0
            ? NotLeak(block)
            : BlockHints.TryFlag((nuint)block, BlockFlags.None, BlockFlags.NotLeak) && BlockHints.TryAnnotate(
                (nuint)block, AnnotationKind.MinimumReferences, (uint)count, (nuint)surplusTo);
    }

    /// <summary>Reports show this text with the block, and list blocks of one line of code with different texts apart. A
    /// later call replaces an earlier one.</summary>
    /// <param name="block">The block; null: no such block.</param>
    /// <param name="tag">The text; 200 characters are kept, and 100,000 distinct texts. Null or empty takes it
    /// back.</param>
    /// <returns>Whether there is such a block.</returns>
    public static bool Tag(void* block, string? tag)
    {
        if (!BlockHints.IsOn)
        {
            return false;
        }

        uint text = string.IsNullOrEmpty(tag) ? 0 : HintTexts.NumberOf(tag);
        return BlockHints.TryAnnotate((nuint)block, AnnotationKind.Tag, text);
    }

    private static bool TryRead(nuint pointer, out BlockRecord record)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        record = default;
        if (pointer == 0 || !BlockHints.TryFind(in guard, pointer, out RecordHandle found))
        {
            return false;
        }

        using RecordHandle block = found;
        record = block.Record;
        return true;
    }
}
