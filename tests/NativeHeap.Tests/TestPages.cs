// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Tests;

/// <summary>Real pages that can be refused on purpose, and are all given back at the end of the test.</summary>
internal sealed class TestPages : IPageSource, IDisposable
{
    private readonly Dictionary<nuint, nuint> _owned = [];
    private readonly Lock _lock = new();

    /// <summary>Reservations above this size are refused.</summary>
    public nuint ReserveLimit { get; set; } = nuint.MaxValue;

    /// <summary>Calls of any kind that still succeed.</summary>
    public int CallsLeft { get; set; } = int.MaxValue;

    /// <summary>Commits that still succeed.</summary>
    public int CommitsLeft { get; set; } = int.MaxValue;

    /// <summary>Whether large pages are refused, as by a kernel without them.</summary>
    public bool RefusesLarge { get; set; }

    /// <summary>Where large pages were asked for, granted or not, in order.</summary>
    public List<(nuint Address, nuint ByteCount)> LargeRequests { get; } = [];

    /// <summary>Allocations and reservations not given back yet.</summary>
    public int OwnedCount => _owned.Count;

    public nuint PageByteCount => Platform.Pages.PageByteCount;

    public nuint Reserve(nuint byteCount)
        => byteCount > ReserveLimit || !TakeCall() ? 0 : Own(Platform.Pages.Reserve(byteCount), byteCount);

    public bool Commit(nuint address, nuint byteCount)
    {
        lock (_lock)
        {
            if (CommitsLeft == 0)
            {
                return false;
            }

            CommitsLeft--;
        }

        return TakeCall() && Platform.Pages.Commit(address, byteCount);
    }

    public bool PreferLarge(nuint address, nuint byteCount)
    {
        lock (_lock)
        {
            LargeRequests.Add((address, byteCount));
        }

        return !RefusesLarge && Platform.Pages.PreferLarge(address, byteCount);
    }

    public nuint AllocatePrivate(nuint byteCount)
        => TakeCall() ? Own(Platform.Pages.AllocatePrivate(byteCount), byteCount) : 0;

    public nuint AllocateShared(nuint byteCount)
        => TakeCall() ? Own(Platform.Pages.AllocateShared(byteCount), byteCount) : 0;

    public nuint CountTouched(nuint address, nuint byteCount) => Platform.Pages.CountTouched(address, byteCount);

    public void Release(nuint address, nuint byteCount)
    {
        lock (_lock)
        {
            _owned.Remove(address);
        }

        Platform.Pages.Release(address, byteCount);
    }

    public void Dispose()
    {
        foreach ((nuint address, nuint byteCount) in _owned)
        {
            Platform.Pages.Release(address, byteCount);
        }

        _owned.Clear();
    }

    private nuint Own(nuint address, nuint byteCount)
    {
        if (address != 0)
        {
            lock (_lock)
            {
                _owned.Add(address, byteCount);
            }
        }

        return address;
    }

    private bool TakeCall()
    {
        lock (_lock)
        {
            if (CallsLeft == 0)
            {
                return false;
            }

            CallsLeft--;
            return true;
        }
    }
}
