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
///   63             26  25     24      23 22   21     20         19   0
///   ┌────────────────┬──────┬───────┬───────┬──────┬──────────┬───────┐   the position comes from hash 0–17: tag and
///   │ tag: hash 26–63│ BSTR │ named │ unused│ dead │ fleeting │ id    │   position are independent
///   └────────────────┴──────┴───────┴───────┴──────┴──────────┴───────┘
/// fleeting: some of its code can be unloaded, so whether it is still there is asked each time; dead: it is gone, and
/// the same addresses are another stack from now on.
/// </code>
/// </remarks>
internal static unsafe partial class SiteDepot
{
    /// <summary>The site of a block whose stack is not known.</summary>
    public const uint UnknownSite = 0;

    /// <summary>The site of all stacks that came after <see cref="MaximumSiteCount"/> distinct ones.</summary>
    public const uint OthersSite = 1;

    /// <summary>Distinct stacks kept; tiering alone can multiply the source's by ten or so. With 16 frames each that is at
    /// most 20 MiB of pages, charged as they are touched, and about 200 bytes of GC memory for each stack seen.</summary>
    public const int MaximumSiteCount = 1 << 17;

    private const int TableBits = 18;
    private const ulong TableMask = (1UL << TableBits) - 1;
    private const ulong IdMask = (1UL << 20) - 1;
    private const ulong FleetingBit = 1UL << 20;
    private const ulong DeadBit = 1UL << 21;
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
    private static int s_limit;
    private static long s_othersCount;
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

    /// <summary>Allocations that were given <see cref="OthersSite"/>.</summary>
    // Order: a statistic.
    public static long OthersCount => Volatile.Read(ref s_othersCount);

    /// <summary>Distinct stacks that are kept in this process.</summary>
    public static int Limit => s_limit;

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

        s_limit = MaximumSiteCount;
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

        FrameTable.Initialize();
        WalkMemo.Initialize();
        s_stacks = new SiteStack?[(int)((MaximumSiteCount + FirstSite) >> ChunkBits) + 1][];
        s_entries = (SiteEntry*)entries;
        s_frames = (nuint*)frames;
        s_table = (ulong*)table;
        return true;
    }

    /// <summary>From now on new stacks get no names: for the time when the runtime is being torn down.</summary>
    public static void StopNaming() => s_isNamingStopped = true;

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

    // A stack that was not seen yet, not named yet, or that must be asked whether it still is what it was. Walked again,
    // since only here the addresses are needed.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint InternSlow(in AllocationCall call, nuint stackEnd, out BlockFlags flags)
    {
        nuint* frames = stackalloc nuint[StackWalker.MaximumDepth];
        int count = StackWalker.Walk(in call, stackEnd, frames, s_depth, out ulong hash);
        ulong* word = Find(hash);
        SiteStack? stack = null;
        // Order: acquires the names; pairs with the interlocked or in Name.
        if (word == null || (Volatile.Read(ref *word) & NamedBit) == 0)
        {
            // A trace needs room; near the end of the stack the names wait for the next allocation of this site.
            bool canName = !s_isNamingStopped && RuntimeHelpers.TryEnsureSufficientExecutionStack();
            stack = canName ? MakeNames(in call, stackEnd, frames, ref count, ref hash) : null;
            word = FindOrAdd(hash, frames, count);
            if (word == null)
            {
                // Order: a statistic.
                Interlocked.Increment(ref s_othersCount);
                flags = stack is { IsBstr: true } ? BlockFlags.BstrPrefixed : BlockFlags.None;
                return OthersSite;
            }

            // Order: as above.
            if (canName && (Volatile.Read(ref *word) & NamedBit) == 0)
            {
                Name(word, stack);
            }
        }

        // Order: as above; Name may have added bits.
        ulong known = Volatile.Read(ref *word);
        flags = FlagsOf((uint)known);
        return (uint)(known & IdMask);
    }

    // Nothing leaves here as an exception. A stack of known addresses is named as it was walked. Else its trace teaches
    // the walker the frame sizes it lacked, so the stack is walked once more before it becomes a key: two callers of a
    // method without a frame are told apart from then on.
    private static SiteStack? MakeNames(
        in AllocationCall call, nuint stackEnd, nuint* frames, ref int count, ref ulong hash)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            return TestHookCapture?.Invoke()
                ?? SiteNamer.Compose(new ReadOnlySpan<nuint>(frames, count))
                ?? SiteNamer.Trace(in call, stackEnd, frames, s_depth, out count, out hash);
        }
        catch (Exception)
        {
            // No memory, or a frame that cannot be reflected on: the site stays nameless, its addresses are kept.
            return null;
        }
    }

    // The word of a stack, dead ones passed over; null when there is none.
    private static ulong* Find(ulong hash)
    {
        for (ulong at = hash; ; at++)
        {
            ulong* word = s_table + (at & TableMask);
            // Order: acquires the entry; pairs with the compare-exchange in FindOrAdd.
            ulong seen = Volatile.Read(ref *word);
            if (seen == 0)
            {
                return null;
            }

            if (IsStack(word, seen, hash))
            {
                return word;
            }
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

            if (IsStack(word, seen, hash))
            {
                return word;
            }
        }
    }

    // Addresses of code that was given back may be those of other code now: their stack is declared dead.
    private static bool IsStack(ulong* word, ulong seen, ulong hash)
    {
        if (((seen ^ hash) & TagMask) != 0 || (seen & DeadBit) != 0)
        {
            return false;
        }

        if ((seen & FleetingBit) != 0 && GetStack((uint)(seen & IdMask)) is { IsAlive: false })
        {
            // Order: a bit that is only ever set; who reads the word without it asks the same question.
            Interlocked.Or(ref *word, DeadBit);
            return false;
        }

        return true;
    }

    // Takes an id and room for the frames; the word to publish, or 0.
    private static ulong Complete(ulong hash, nuint* frames, int count)
    {
        // Order: only saves the increment once the depot is full.
        if (Volatile.Read(ref s_nextSite) >= s_limit)
        {
            return 0;
        }

        // At the memory limit new stacks share a site.
        if (!RecorderPages.Source.TryCharge((nuint)(sizeof(SiteEntry) + sizeof(ulong) + (count * sizeof(nuint)))))
        {
            return 0;
        }

        // Order: each id and each stretch of frames has one owner.
        uint site = (uint)Interlocked.Increment(ref s_nextSite) - 1;
        long end = Interlocked.Add(ref s_frameCount, count);
        if (site >= (uint)s_limit || end > s_frameCapacity)
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
    private static void Name(ulong* word, SiteStack? stack)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        ulong bits = NamedBit;
        try
        {
            if (stack is not null)
            {
                Store((uint)(*word & IdMask), stack);
                bits |= (stack.IsBstr ? BstrBit : 0) | (stack.IsFleeting ? FleetingBit : 0);
            }
        }
        catch (Exception)
        {
            // No memory: as in MakeNames.
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
