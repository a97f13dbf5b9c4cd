// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what is known of return addresses: which method, which IL offset.
// Who calls it: SiteNamer, when a stack is seen for the first time.
// The one idea: as long as its code lives, a return address means one call in one method, whatever stack it is in; so a
// new stack of known addresses needs no StackTrace. Code that can be unloaded is never entered here.
// Safety: the tables are allocations of fixed size, never given back; every index is masked to them.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Return address → frame, and stretches of foreign code that were walked rightly. Lock-free.</summary>
/// <remarks>
/// One word per address: bits 16–63 the address, bits 0–15 the frame's number. 131,072 words, at most half full: what
/// comes later is named by a StackTrace each time. A bridge is the hash of addresses without a method together with
/// their managed neighbours; 8,192 words, at most half full.
/// </remarks>
internal static unsafe class FrameTable
{
    private const int TableBits = 17;
    private const int BridgeBits = 13;
    private const int ChunkBits = 10;
    private const int AddressShift = 16;
    private const uint Capacity = (1 << AddressShift) - 1;

    private static readonly SiteFrame?[]?[] s_frames = new SiteFrame?[(int)(Capacity >> ChunkBits) + 1][];
    private static ulong* s_table;
    private static ulong* s_bridges;
    private static int s_count;
    private static int s_bridgeCount;

    /// <summary>Numbers given to addresses.</summary>
    // Order: a statistic.
    public static int Count => Volatile.Read(ref s_count);

    /// <summary>Reserves the tables. False when the system refuses: then nothing is ever known. Idempotent.</summary>
    public static bool Initialize()
    {
        if (s_table == null)
        {
            s_bridges = (ulong*)Platform.Pages.AllocatePrivate((nuint)sizeof(ulong) << BridgeBits);
            s_table = s_bridges == null ? null : (ulong*)Platform.Pages.AllocatePrivate((nuint)sizeof(ulong) << TableBits);
        }

        return s_table != null;
    }

    /// <summary>The frame of a return address; null when it was not seen yet.</summary>
    public static SiteFrame? Find(nuint address)
    {
        if (s_table == null)
        {
            return null;
        }

        for (ulong at = Hash(address, TableBits); ; at++)
        {
            // Order: acquires the frame; pairs with the compare-exchange in Add.
            ulong word = Volatile.Read(ref s_table[at & Mask(TableBits)]);
            if (word == 0)
            {
                return null;
            }

            if (word >> AddressShift == address)
            {
                uint number = (uint)(word & Capacity);
                return s_frames[number >> ChunkBits]![number & Mask(ChunkBits)];
            }
        }
    }

    /// <summary>Remembers a frame whose method is held, and so stays compiled where it is.</summary>
    public static void Add(nuint address, SiteFrame frame)
    {
        if (s_table == null || frame.Method is null || Count >= (int)Capacity)
        {
            return;
        }

        // Order: each number has one owner; those of losers stay unused.
        uint number = (uint)Interlocked.Increment(ref s_count) - 1;
        if (number >= Capacity)
        {
            return;
        }

        ref SiteFrame?[]? chunk = ref s_frames[number >> ChunkBits];
        // Order: one chunk wins; the compare-exchange below publishes it with the frame.
        Interlocked.CompareExchange(ref chunk, new SiteFrame?[1 << ChunkBits], null);
        chunk![number & Mask(ChunkBits)] = frame;
        for (ulong at = Hash(address, TableBits); ; at++)
        {
            // Order: publishes the frame; pairs with the read in Find. Who comes second has the same to say.
            ulong seen = Interlocked.CompareExchange(
                ref s_table[at & Mask(TableBits)], ((ulong)address << AddressShift) | number, 0);
            if (seen == 0 || seen >> AddressShift == address)
            {
                return;
            }
        }
    }

    /// <summary>Whether a stretch of addresses without a method is known to lead from one frame to the next.</summary>
    public static bool HasBridge(ulong hash) => s_bridges != null && *FindBridge(hash | 1) != 0;

    /// <summary>Remembers such a stretch.</summary>
    public static void AddBridge(ulong hash)
    {
        // Order: a statistic, which bounds the table.
        if (s_bridges != null && Volatile.Read(ref s_bridgeCount) < 1 << (BridgeBits - 1))
        {
            ulong* word = FindBridge(hash | 1);
            // Order: the word is the whole entry; a word lost to another stretch costs a StackTrace later.
            if (Interlocked.CompareExchange(ref *word, hash | 1, 0) == 0)
            {
                // Order: as above.
                Interlocked.Increment(ref s_bridgeCount);
            }
        }
    }

    private static ulong* FindBridge(ulong hash)
    {
        for (ulong at = hash >> (64 - BridgeBits); ; at++)
        {
            ulong* word = s_bridges + (at & Mask(BridgeBits));
            // Order: one word holds all.
            ulong seen = Volatile.Read(ref *word);
            if (seen == 0 || seen == hash)
            {
                return word;
            }
        }
    }

    private static ulong Hash(nuint address, int bits) => (address * 0x9E3779B97F4A7C15UL) >> (64 - bits);

    private static ulong Mask(int bits) => (1UL << bits) - 1;
}
