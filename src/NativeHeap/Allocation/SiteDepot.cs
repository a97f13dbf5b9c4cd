// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: every distinct allocation stack once, as a small id.
// Who calls it: AllocationRecorder on each recorded allocation; reports turn ids back into frames and names.
// The one idea: one 8-byte word per stack holds a hash tag, the id and what must be known of the site at once, so a
// known stack costs one load; a new one is completed first and published by one compare-exchange. The depot is LLVM's
// StackDepot in spirit; the names kept at first sight are ours.
// Safety: frames are read and written inside depot pages that are never given back; offsets and counts are checked on
// entry.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Interned allocation sites. Thread-safe; a known stack is found without lock, write or GC memory.</summary>
/// <remarks>
/// <code>
/// word of the hash table (2^18 words, linear probing, at most half full):
///   63             26  25     24     23      0
///   ┌────────────────┬──────┬───────┬────────┐
///   │ tag: hash 26–63│ BSTR │ named │ id     │   the position comes from hash 0–17: tag and position are independent
///   └────────────────┴──────┴───────┴────────┘
/// </code>
/// </remarks>
internal static unsafe partial class SiteDepot
{
    /// <summary>The site of a block whose stack is not known.</summary>
    public const uint UnknownSite = 0;

    /// <summary>The site of all stacks that came after <see cref="MaximumSiteCount"/> distinct ones.</summary>
    public const uint OthersSite = 1;

    /// <summary>Distinct stacks kept; tiering alone can multiply the source's by ten or so.</summary>
    public const int MaximumSiteCount = 1 << 17;

    private const int TableBits = 18;
    private const ulong TableMask = (1UL << TableBits) - 1;
    private const ulong IdMask = (1UL << 24) - 1;
    private const ulong NamedBit = 1UL << 24;
    private const ulong BstrBit = 1UL << 25;
    private const ulong TagMask = ~((1UL << 26) - 1);
    private const uint FirstSite = 2;
    private const int ChunkBits = 10;

    private static ulong* s_table;
    private static SiteEntry* s_entries;
    private static nuint* s_frames;
    private static long s_frameCapacity;
    private static long s_frameCount;
    private static int s_nextSite;
    private static int s_count;
    private static int s_depth;
    private static volatile bool s_isNamingStopped;
    private static SiteStack?[]?[] s_stacks = [];

    private struct SiteEntry
    {
        public ulong Hash;
        public uint FirstFrame;
        public uint FrameCount;
    }

    /// <summary>Distinct stacks seen.</summary>
    // Order: a statistic.
    public static int Count => Volatile.Read(ref s_count);

    /// <summary>Frames of a stack that tell sites apart.</summary>
    public static int Depth => s_depth;

    /// <summary>Bytes of native memory in use (managed names not included).</summary>
    // Order: a statistic.
    public static nuint MetadataByteCount => ((nuint)Count * (nuint)(sizeof(SiteEntry) + sizeof(ulong)))
        + ((nuint)Volatile.Read(ref s_frameCount) * (nuint)sizeof(nuint));

    /// <summary>Reserves the depot. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize(int depth)
    {
        if (s_table != null)
        {
            return true;
        }

        s_depth = Math.Clamp(depth, 1, StackWalker.MaximumDepth);
        s_frameCapacity = (long)MaximumSiteCount * s_depth;
        IPageSource pages = Platform.Pages;
        nuint entries = Acquire(pages, (nuint)(MaximumSiteCount + FirstSite) * (nuint)sizeof(SiteEntry));
        nuint frames = entries == 0 ? 0 : Acquire(pages, (nuint)s_frameCapacity * (nuint)sizeof(nuint));
        nuint table = frames == 0 ? 0 : Acquire(pages, sizeof(ulong) << TableBits);
        if (table == 0)
        {
            return false;
        }

        s_stacks = new SiteStack?[(int)((MaximumSiteCount + FirstSite) >> ChunkBits) + 1][];
        s_entries = (SiteEntry*)entries;
        s_frames = (nuint*)frames;
        s_table = (ulong*)table;
        return true;
    }

    /// <summary>From now on new stacks get no names: for the time when the runtime is being torn down.</summary>
    public static void StopNaming() => s_isNamingStopped = true;

    /// <summary>The site of a stack. Known: about 1 ns per frame. New: one StackTrace, tens of microseconds.</summary>
    /// <param name="call">As for <see cref="StackWalker.Walk"/>.</param>
    /// <param name="stackEnd">As for <see cref="StackWalker.Walk"/>.</param>
    /// <param name="flags">Flags that every block of this site carries.</param>
    [SkipLocalsInit]
    public static uint Intern(in AllocationCall call, nuint stackEnd, out BlockFlags flags)
    {
        nuint* frames = stackalloc nuint[StackWalker.MaximumDepth];
        int count = StackWalker.Walk(in call, stackEnd, frames, s_depth, out ulong hash);
        for (ulong at = hash; ; at++)
        {
            // Order: acquires the site's entry; pairs with the compare-exchange in Add.
            ulong word = Volatile.Read(ref s_table[at & TableMask]);
            if (((word ^ hash) & TagMask) == 0 && (word & NamedBit) != 0)
            {
                flags = (BlockFlags)((word & BstrBit) >> 25);
                return (uint)(word & IdMask);
            }

            if (word == 0 || ((word ^ hash) & TagMask) == 0)
            {
                return InternSlow(in call, stackEnd, frames, out flags);
            }
        }
    }

    /// <summary>The names of a site; null for the reserved sites and where no names could be taken.</summary>
    public static SiteStack? GetStack(uint site)
    {
        SiteStack?[]?[] stacks = s_stacks;
        // Order: both reads acquire what Store published.
        return site >> ChunkBits < (uint)stacks.Length && Volatile.Read(ref stacks[site >> ChunkBits]) is { } chunk
            ? Volatile.Read(ref chunk[site & ((1 << ChunkBits) - 1)])
            : null;
    }

    /// <summary>The return addresses of a site, innermost first.</summary>
    /// <param name="site">The site.</param>
    /// <param name="ips">Receives as many as fit.</param>
    /// <param name="count">How many were written.</param>
    public static void GetFrames(uint site, Span<nuint> ips, out int count)
    {
        count = 0;
        if (s_table != null && site is >= FirstSite and < MaximumSiteCount + FirstSite)
        {
            SiteEntry* entry = s_entries + site;
            count = (int)Math.Min(entry->FrameCount, (uint)ips.Length);
            new ReadOnlySpan<nuint>(s_frames + entry->FirstFrame, count).CopyTo(ips);
        }
    }

    // A stack that was not seen yet, or not named yet. Its trace teaches the walker the frame sizes it lacked, so the
    // stack is walked once more before it becomes a key: two callers of a method without a frame are told apart from
    // then on.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint InternSlow(in AllocationCall call, nuint stackEnd, nuint* frames, out BlockFlags flags)
    {
        // A trace needs room; near the end of the stack the names must wait for the next allocation of this site.
        bool canName = !s_isNamingStopped && RuntimeHelpers.TryEnsureSufficientExecutionStack();
        SiteStack? stack = canName ? Trace(in call, stackEnd) : null;
        int count = StackWalker.Walk(in call, stackEnd, frames, s_depth, out ulong hash);
        ulong* word = FindOrAdd(hash, frames, count);
        if (word == null)
        {
            flags = BlockFlags.None;
            return OthersSite;
        }

        // Order: acquires the names; pairs with the interlocked or in Name.
        if (canName && (Volatile.Read(ref *word) & NamedBit) == 0)
        {
            Name(word, stack, count);
        }

        // Order: as above; Name may have added bits.
        ulong known = Volatile.Read(ref *word);
        flags = (BlockFlags)((known & BstrBit) >> 25);
        return (uint)(known & IdMask);
    }

    // Nothing leaves here as an exception.
    private static SiteStack? Trace(in AllocationCall call, nuint stackEnd)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            if (TestHookCapture?.Invoke() is { } given)
            {
                return given;
            }

            StackFrame[] trace = new StackTrace(fNeedFileInfo: false).GetFrames();
            nuint[] addresses = new nuint[trace.Length];
            FrameLearner.Learn(trace, in call, stackEnd, addresses);
            return SiteStack.From(trace, addresses, SiteStack.MaximumFrameCount);
        }
        catch (Exception)
        {
            // No memory, or a frame that cannot be reflected on: the site stays nameless, its addresses are kept.
            return null;
        }
    }

    // Null when the depot is full.
    private static ulong* FindOrAdd(ulong hash, nuint* frames, int count)
    {
        ulong fresh = 0;
        for (ulong at = hash; ; at++)
        {
            ulong* word = s_table + (at & TableMask);
            // Order: acquires the entry; pairs with the compare-exchange below.
            ulong seen = Volatile.Read(ref *word);
            if (seen == 0)
            {
                fresh = fresh != 0 ? fresh : Complete(hash, frames, count);
                if (fresh == 0)
                {
                    return null;
                }

                // Order: publishes the complete entry; pairs with the read in Intern. A loser's id stays unused.
                seen = Interlocked.CompareExchange(ref *word, fresh, 0);
                if (seen == 0)
                {
                    // Order: a statistic.
                    Interlocked.Increment(ref s_count);
                    return word;
                }
            }

            if (((seen ^ hash) & TagMask) == 0)
            {
                return word;
            }
        }
    }

    // Takes an id and room for the frames; the word to publish, or 0.
    private static ulong Complete(ulong hash, nuint* frames, int count)
    {
        // Order: only saves the increment once the depot is full.
        if (Volatile.Read(ref s_nextSite) >= MaximumSiteCount)
        {
            return 0;
        }

        // Order: each id and each stretch of frames has one owner.
        uint site = (uint)Interlocked.Increment(ref s_nextSite) - 1;
        long end = Interlocked.Add(ref s_frameCount, count);
        if (site >= MaximumSiteCount || end > s_frameCapacity)
        {
            return 0;
        }

        SiteEntry* entry = s_entries + site + FirstSite;
        entry->Hash = hash;
        entry->FirstFrame = (uint)(end - count);
        entry->FrameCount = (uint)count;
        new ReadOnlySpan<nuint>(frames, count).CopyTo(new Span<nuint>(s_frames + entry->FirstFrame, count));
        return (hash & TagMask) | (site + FirstSite);
    }

    // Two threads may name the same new stack at the same time: both names are right, and neither waits for the other
    // (the other could be in a type initializer that this one holds up).
    private static void Name(ulong* word, SiteStack? stack, int count)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        ulong bits = NamedBit;
        try
        {
            if (stack is not null)
            {
                // A key cut off at the depth vouches for no frame beyond it.
                Store((uint)(*word & IdMask), count == s_depth ? stack.Top(count) : stack);
                bits |= stack.IsBstr ? BstrBit : 0;
            }
        }
        catch (Exception)
        {
            // No memory: as in Trace.
        }

        // Order: after the names are stored; pairs with the read in Intern. An interlocked or, since two may come at
        // once.
        Interlocked.Or(ref *word, bits);
    }

    private static void Store(uint site, SiteStack stack)
    {
        ref SiteStack?[]? chunk = ref s_stacks[site >> ChunkBits];
        // Order: acquires the chunk; pairs with the compare-exchange below.
        if (Volatile.Read(ref chunk) is null)
        {
            // Order: one chunk wins; pairs with GetStack.
            Interlocked.CompareExchange(ref chunk, new SiteStack?[1 << ChunkBits], null);
        }

        // Order: publishes a complete, immutable stack; pairs with GetStack.
        Volatile.Write(ref chunk![site & ((1 << ChunkBits) - 1)], stack);
    }

    // Reserved first: a sparse table is not charged for more than it touches.
    private static nuint Acquire(IPageSource pages, nuint byteCount)
    {
        byteCount = (byteCount + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);
        nuint address = pages.Reserve(byteCount);
        if (address != 0 && !pages.Commit(address, byteCount))
        {
            pages.Release(address, byteCount);
            return 0;
        }

        return address;
    }
}
