// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which allocation sites' blocks each place frees.
// Who calls it: FreeGate on every free of a recorded block; reports judge the pairs.
// The one idea: a program has few pairs of allocation site and freeing place: a pair is looked at when it is new, and
// afterwards costs the one compare that finds it in a small table.
// Safety: tables are allocations of ours that are never given back, indexed by masked hashes.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Pairs of allocation and free. Thread-safe; the known case takes no lock and writes nothing.</summary>
/// <remarks>
/// <code>
/// word of the cache, the whole pair:   63 … 56 API of the free, 55 … 48 API, 47 … 24 site of the free, 23 … 0 site
/// </code>
/// </remarks>
internal static unsafe class FreePairs
{
    /// <summary>Sightings of an open pair that are counted; then it is taken as known.</summary>
    public const int CountedSightings = 32;

    /// <summary>Pairs that can be told apart; further ones are not judged.</summary>
    public const int Capacity = 1 << 14;

    private const int CacheBits = 12, TableBits = 15;
    private const int SiteBits = 24, ApiShift = 48, FreeApiShift = 56;
    private const ulong Multiplier = 0x9E3779B97F4A7C15UL;

    private static ulong* s_cache;
    private static int* s_table;
    private static FreePair* s_pairs;
    private static int s_count;
    private static int s_lock; // "free pairs" in docs/design/locking.md: a leaf

    /// <summary>Pairs known now.</summary>
    // Order: a pair is complete before the count admits it; pairs with the write in FindOrAdd.
    public static int Count => Volatile.Read(ref s_count);

    /// <summary>The table that tells whether a pair is known, for machine code.</summary>
    public static ulong* CacheAddress => s_cache;

    /// <summary>Reserves the tables. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize()
    {
        if (s_cache != null)
        {
            return true;
        }

        IPageSource pages = Platform.Pages;
        nuint table = pages.AllocatePrivate(sizeof(int) << TableBits);
        nuint pairs = pages.AllocatePrivate((nuint)(Capacity * sizeof(FreePair)));
        nuint cache = pages.AllocatePrivate(sizeof(ulong) << CacheBits);
        if (table == 0 || pairs == 0 || cache == 0)
        {
            return false;
        }

        s_table = (int*)table;
        s_pairs = (FreePair*)pairs;
        s_cache = (ulong*)cache;
        return true;
    }

    /// <summary>Notes that a block is freed. One load and one compare when its pair is known.</summary>
    /// <param name="address">The block.</param>
    /// <param name="freed">What is known of it.</param>
    /// <param name="freeApi">The API, if known.</param>
    /// <param name="isShort">Whether only the innermost frames of the site are this free's for certain.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Note(nuint address, in FreeTicket freed, FreeingApi freeApi, bool isShort)
    {
        ulong word = freed.Site | ((ulong)freed.FreeSite << SiteBits) | ((ulong)(byte)freed.Api << ApiShift)
            | ((ulong)(byte)freeApi << FreeApiShift);
        ulong* cached = s_cache + ((word * Multiplier) >> (64 - CacheBits));
        // Order: none; a word is the whole pair.
        if (*cached != word)
        {
            FreePair pair = new()
            {
                Address = address, ByteCount = freed.ByteCount, Site = freed.Site, Api = freed.Api,
                FreeSite = freed.FreeSite, FreeApi = freeApi, IsShort = isShort,
            };
            NoteSlowly(ref pair, cached, word);
        }
    }

    /// <summary>Whether a pair needs no more notice.</summary>
    /// <param name="site">Where the block was allocated.</param>
    /// <param name="api">By which API.</param>
    /// <param name="freeSite">Where it is freed.</param>
    /// <param name="freeApi">By which API, if known.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsKnown(uint site, AllocationApi api, ulong freeSite, FreeingApi freeApi)
    {
        ulong word = site | (freeSite << SiteBits) | ((ulong)(byte)api << ApiShift) | ((ulong)(byte)freeApi << FreeApiShift);
        // Order: none; a word is the whole pair.
        return s_cache[(word * Multiplier) >> (64 - CacheBits)] == word;
    }

    /// <summary>Reads a pair.</summary>
    public static FreePair Get(int index) => s_pairs[index];

    /// <summary>Settles an open pair.</summary>
    // Order: an int is whole; pairs with the read in IsSettled.
    public static void SetVerdict(int index, PairVerdict verdict)
        => Volatile.Write(ref s_pairs[index].Verdict, (int)verdict);

    /// <summary>What the APIs alone tell.</summary>
    internal static PairVerdict Judge(AllocationApi api, FreeingApi freeApi)
    {
        HeapFamily allocated = HeapFamilies.Of(api), freed = HeapFamilies.Of(freeApi);
        return allocated == HeapFamily.None || freed == HeapFamily.None ? PairVerdict.Open
            : allocated == freed ? PairVerdict.Match
            : PairVerdict.Mismatch;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NoteSlowly(ref FreePair pair, ulong* cached, ulong word)
    {
        if (pair.FreeSite <= SiteDepot.OthersSite || pair.Site <= SiteDepot.OthersSite)
        {
            return;
        }

        pair.Verdict = (int)Judge(pair.Api, pair.FreeApi);
        if (IsSettled(in pair))
        {
            // Order: none; as above.
            Volatile.Write(ref *cached, word);
        }
    }

    // Counts a sighting; tells whether the pair needs no more of them.
    private static bool IsSettled(in FreePair pair)
    {
        using SpinScope scope = SpinScope.Enter(ref s_lock);
        FreePair* known = FindOrAdd(in pair);
        if (known == null)
        {
            return true;
        }

        known->Count++;
        // Order: a report may settle the pair at the same moment; pairs with SetVerdict.
        int verdict = Volatile.Read(ref known->Verdict);
        return verdict == (int)PairVerdict.Match
            || (verdict == (int)PairVerdict.Open && known->Count >= CountedSightings);
    }

    // Under the lock. Null when there is no room.
    private static FreePair* FindOrAdd(in FreePair pair)
    {
        ulong hash = (pair.Site | ((ulong)pair.FreeSite << SiteBits) | ((ulong)pair.FreeApi << FreeApiShift)) * Multiplier;
        for (ulong at = hash >> (64 - TableBits); ; at++)
        {
            int* slot = s_table + (at & ((1UL << TableBits) - 1));
            if (*slot == 0)
            {
                if (s_count == Capacity)
                {
                    return null;
                }

                s_pairs[s_count] = pair;
                *slot = s_count + 1;
                // Order: the pair is complete before the count admits it; pairs with Count.
                Volatile.Write(ref s_count, s_count + 1);
                return s_pairs + *slot - 1;
            }

            FreePair* known = s_pairs + *slot - 1;
            if (known->Site == pair.Site && known->FreeSite == pair.FreeSite && known->FreeApi == pair.FreeApi
                && known->Api == pair.Api)
            {
                return known;
            }
        }
    }
}
