// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: windows of the address index whose slot is made a fork by a look and a store instead of a compare-exchange of
// the value that was seen: the block that was freed in between comes back in the fork, and of two forks made at once one
// is lost with the block in it.
namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the fork race: one slot a window, four sub-slots a fork.</summary>
internal sealed class PlainForks(int windowCount)
{
    private const uint ForkBit = 1u << 31;
    private const int GranuleShift = 29;
    private const uint IndexMask = (1u << GranuleShift) - 1;

    private readonly uint[] _slots = new uint[windowCount];

    // Each thread makes at most one fork a window.
    private readonly uint[] _forks = new uint[windowCount * 8];

    public void Insert(int window, uint granule, uint entry, int thread)
    {
        ref uint slot = ref _slots[window];
        while (true)
        {
            uint seen = Volatile.Read(ref slot);
            if ((seen & ForkBit) != 0)
            {
                Interlocked.Exchange(ref _forks[(seen & IndexMask) + granule], entry);
                return;
            }

            if (seen == 0)
            {
                if (Interlocked.CompareExchange(ref slot, entry | (granule << GranuleShift), 0) == 0)
                {
                    return;
                }

                continue;
            }

            uint fork = (uint)((window * 8) + (thread * 4));
            _forks[fork + (seen >> GranuleShift)] = seen & IndexMask;
            _forks[fork + granule] = entry;
            Volatile.Write(ref slot, fork | ForkBit);
            return;
        }
    }

    public bool TryRemove(int window, uint granule)
    {
        while (true)
        {
            uint seen = Volatile.Read(ref _slots[window]);
            bool isFork = (seen & ForkBit) != 0;
            if (!isFork && (seen == 0 || seen >> GranuleShift != granule))
            {
                return false;
            }

            ref uint at = ref isFork ? ref _forks[(seen & IndexMask) + granule] : ref _slots[window];
            seen = isFork ? Volatile.Read(ref at) : seen;
            if (seen == 0 || Interlocked.CompareExchange(ref at, 0, seen) == seen)
            {
                return seen != 0;
            }
        }
    }

    public bool Has(int window, uint granule)
    {
        uint seen = Volatile.Read(ref _slots[window]);
        return (seen & ForkBit) != 0 ? Volatile.Read(ref _forks[(seen & IndexMask) + granule]) != 0
            : seen != 0 && seen >> GranuleShift == granule;
    }
}
