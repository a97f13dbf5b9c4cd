// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how the index pays for its pages, and when large ones stand behind them.
// Who calls it: FindOrCreate and TryTouchSecond, once for each region of 4,096 slots (256 KiB of addresses).
// The one idea: large pages save misses of the address translation where the index is dense, and waste memory where it is
// not. So a stretch of 2 MiB is one large page from its first touch only where the index is large and the stretch below
// is dense, which is how a growing heap looks; and a stretch that became full by small pages is offered to the system,
// which merges them when it has time. Both are paid for whole.
// Safety: as in AddressIndex; the system is only given whole stretches of a committed leaf.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Records;

internal sealed unsafe partial class AddressIndex
{
    /// <summary>Regions in a stretch, which is as large as a large page.</summary>
    public const int RegionsPerStretch = 128;

    /// <summary>Regions below that make a stretch dense.</summary>
    public const int DenseRegions = 112;

    /// <summary>Regions that the index has before it takes large pages: 8 MiB, for 128 MiB of heap.</summary>
    public const int LeastRegions = 512;

    private const nint RegionByteCount = sizeof(uint) << RegionBits;
    private const nint StretchByteCount = RegionsPerStretch * RegionByteCount;
    private const nuint StretchesPerLeaf = RegionsPerLeaf / RegionsPerStretch;

    // In the word of a stretch, above the count of its regions.
    private const int LargeBit = 1 << 30;

    // False when memory is at its limit: a region is paid for before its first slot is touched.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TouchRegion(byte* region)
    {
        nuint stretch = (nuint)(region - _regions) / RegionsPerStretch;
        // Order: a stretch that is large stays so; one that is seen too early as small costs a region twice on the account.
        int seen = Volatile.Read(ref _stretches[stretch]);
        bool isPaid = (seen & LargeBit) != 0 || (seen == 0 && TryMakeLarge(stretch));
        if (!isPaid && !_pages.TryCharge((nuint)RegionByteCount))
        {
            return false;
        }

        // Order: the exchange has one winner, so that the region is counted and paid for once.
        if (Interlocked.Exchange(ref *region, (byte)1) != 0)
        {
            _pages.Charge(isPaid ? 0 : -RegionByteCount);
            return true;
        }

        MarkTallies(region);
        // Order: the count and the bit are one word, so that each region is counted here or by TryMakeLarge, not by both.
        int now = Interlocked.Increment(ref _stretches[stretch]);
        if ((now & LargeBit) == 0)
        {
            // Order: a statistic.
            Interlocked.Increment(ref _header->TouchedRegions);
            if (now == RegionsPerStretch)
            {
                _pages.PreferLarge(AddressOf(stretch), (nuint)StretchByteCount);
            }
        }

        return true;
    }

    // Says in the tallies of a region of slots that it is touched. Until then its blocks are entered in the general way.
    private void MarkTallies(byte* region)
    {
        nuint number = (nuint)(region - _regions);
        if (number % RegionsPerLeaf < RegionsPerLeaf / 2)
        {
            long* tallies = (long*)(_tallies + (number << (RegionBits - TallyBits)));
            for (int i = 0; i < (1 << (RegionBits - TallyBits)) / sizeof(long); i++)
            {
                // Order: beside the counts, which others change; after the region was paid for.
                Interlocked.Or(ref tallies[i], unchecked((long)0x8080_8080_8080_8080));
            }
        }
    }

    // Before the first touch of a stretch.
    private bool TryMakeLarge(nuint stretch)
    {
        // Order: a statistic, here a rule of thumb.
        if (Volatile.Read(ref _header->TouchedRegions) < LeastRegions || DensityBelow(stretch) < DenseRegions
            || !_pages.TryCharge((nuint)StretchByteCount))
        {
            return false;
        }

        if (!_pages.PreferLarge(AddressOf(stretch), (nuint)StretchByteCount))
        {
            _pages.Charge(-StretchByteCount);
            return false;
        }

        // Order: as in TouchRegion. Of two that made it large one pays; regions that others touched meanwhile stay counted
        // by them, and are on the account twice.
        int before = Interlocked.Or(ref _stretches[stretch], LargeBit);
        if ((before & LargeBit) != 0)
        {
            _pages.Charge(-StretchByteCount);
        }
        else
        {
            // Order: a statistic.
            Interlocked.Add(ref _header->TouchedRegions, RegionsPerStretch - before);
        }

        return true;
    }

    // Regions of the stretch that covers the addresses right below; slots and second slots each among themselves.
    private int DensityBelow(nuint stretch)
    {
        nuint leaf = stretch / StretchesPerLeaf;
        nuint within = stretch % StretchesPerLeaf;
        if (within % (StretchesPerLeaf / 2) != 0)
        {
            // Order: a rule of thumb.
            return Volatile.Read(ref _stretches[stretch - 1]) & ~LargeBit;
        }

        // Order: as in CreateLeaf, which stored it before the leaf was used.
        nuint entry = Volatile.Read(ref _leafEntries[leaf]) - 1;
        // Order: acquires the leaf; pairs with the compare-exchange in CreateLeaf.
        nuint below = entry == 0 ? 0 : Volatile.Read(ref _directory[entry - 1]);
        nuint last = ((below - (nuint)_leaves) / LeafByteCount * StretchesPerLeaf) + within + (StretchesPerLeaf / 2) - 1;
        // Order: a rule of thumb.
        return below == 0 ? 0 : Volatile.Read(ref _stretches[last]) & ~LargeBit;
    }

    private nuint AddressOf(nuint stretch) => (nuint)_leaves + (stretch * (nuint)StretchByteCount);
}
