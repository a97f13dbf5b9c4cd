// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a page source with an account and a limit.
// Who calls it: the record table takes all its memory through the process's one (RecorderPages).
// The one idea: what grows is charged whole when it is committed. Tables are sparse, so the account is too high; when
// it reaches the limit, the touched pages are counted, and only if these are too many does the answer become no.
// Safety: addresses are handed on, never read.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Charges commits against a limit. Thread-safe, legal inside a hook; failure is a return value.</summary>
/// <param name="inner">Where pages come from.</param>
/// <param name="alsoUsed">Bytes that count against the limit and are taken elsewhere.</param>
internal sealed class LimitedPageSource(IPageSource inner, Func<long> alsoUsed) : IPageSource
{
    // Slabs and index leaves grow at the end of their reservations, so a range grows far oftener than a new one comes.
    private const int RangeCapacity = 1024;

    // Records fill what they commit, in steps of this size; the index touches little of its larger steps at first.
    private const long StepByteCount = 2 << 20;

    // Of memory this source committed; made here, since nothing may be made inside a hook.
    private readonly MemoryRange[] _ranges = new MemoryRange[RangeCapacity];
    private int _rangeCount;
    private long _charged;
    private bool _isCharging;
    private int _lock;
    private int _wasRefusedByLimit;

    /// <summary>Most bytes to give out. Set before charging begins. Checked at each step of growth (of 2 MiB and more), so
    /// that the index of the blocks of one step may go beyond it.</summary>
    public long ByteLimit { get; set; } = long.MaxValue;

    /// <summary>Bytes that are really in use: touched pages, and what is taken elsewhere. Cold: a system call for each
    /// 16 MiB that were ever committed.</summary>
    public long UsedByteCount
    {
        get
        {
            using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
            return CountTouched() + alsoUsed();
        }
    }

    /// <summary>Whether the limit, not the system, refused something.</summary>
    // Order: a latch.
    public bool WasRefusedByLimit => Volatile.Read(ref _wasRefusedByLimit) != 0;

    /// <inheritdoc/>
    public nuint PageByteCount => inner.PageByteCount;

    /// <summary>The tables are made: what they are committed to in advance is counted by use, from now on all growth is
    /// charged.</summary>
    public void BeginCharging()
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        _charged = CountTouched();
        _isCharging = true;
    }

    /// <inheritdoc/>
    public nuint Reserve(nuint byteCount) => inner.Reserve(byteCount);

    /// <inheritdoc/>
    public bool Commit(nuint address, nuint byteCount)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        if (!TryAdmit(byteCount) || !inner.Commit(address, byteCount))
        {
            return false;
        }

        Charge(address, byteCount);
        return true;
    }

    /// <inheritdoc/>
    public nuint AllocatePrivate(nuint byteCount)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        nuint address = TryAdmit(byteCount) ? inner.AllocatePrivate(byteCount) : 0;
        if (address != 0)
        {
            Charge(address, byteCount);
        }

        return address;
    }

    /// <inheritdoc/>
    public nuint AllocateShared(nuint byteCount)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        nuint address = TryAdmit(byteCount) ? inner.AllocateShared(byteCount) : 0;
        if (address != 0)
        {
            Charge(address, byteCount);
        }

        return address;
    }

    /// <inheritdoc/>
    public nuint CountTouched(nuint address, nuint byteCount) => inner.CountTouched(address, byteCount);

    /// <inheritdoc/>
    public void Release(nuint address, nuint byteCount)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        for (int i = 0; i < _rangeCount; i++)
        {
            if (_ranges[i].Start >= address && _ranges[i].End <= address + byteCount)
            {
                _charged -= (long)_ranges[i].ByteCount;
                _ranges[i--] = _ranges[--_rangeCount];
            }
        }

        inner.Release(address, byteCount);
    }

    // Under the lock.
    private bool TryAdmit(nuint byteCount)
    {
        if (!_isCharging || ByteLimit == long.MaxValue)
        {
            return true;
        }

        long more = (long)byteCount + alsoUsed();
        if (_charged + more <= ByteLimit)
        {
            return true;
        }

        _charged = CountTouched();
        if (_charged + alsoUsed() + Math.Min((long)byteCount, StepByteCount) <= ByteLimit)
        {
            return true;
        }

        // Order: a latch, for reports.
        Volatile.Write(ref _wasRefusedByLimit, 1);
        return false;
    }

    // Under the lock. What finds no place in the list stays charged whole until the next count forgets it.
    private void Charge(nuint address, nuint byteCount)
    {
        _charged += (long)byteCount;
        for (int i = 0; i < _rangeCount; i++)
        {
            if (_ranges[i].End == address)
            {
                _ranges[i] = new MemoryRange(_ranges[i].Start, address + byteCount);
                return;
            }
        }

        if (_rangeCount < RangeCapacity)
        {
            _ranges[_rangeCount++] = new MemoryRange(address, address + byteCount);
        }
    }

    // Under the lock.
    private long CountTouched()
    {
        long touched = 0;
        for (int i = 0; i < _rangeCount; i++)
        {
            touched += (long)inner.CountTouched(_ranges[i].Start, _ranges[i].ByteCount);
        }

        return touched;
    }
}
