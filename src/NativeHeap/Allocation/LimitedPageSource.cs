// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a page source with an account and a limit.
// Who calls it: the record table takes all its memory through the process's one (RecorderPages); the depot of call stacks
// asks it for room.
// The one idea: everything is paid for before it is touched, at the most that it can take: growth whole, sparse tables by
// the region. So the account is never below what is in use, and what is in use never passes the limit.
// Safety: addresses are handed on, never read.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Charges memory against a limit. Thread-safe, legal inside a hook; failure is a return value.</summary>
/// <param name="inner">Where pages come from.</param>
/// <param name="alsoUsed">Bytes that count and are taken elsewhere: in use, for reports and for the beginning.</param>
internal sealed class LimitedPageSource(IPageSource inner, Func<long> alsoUsed) : IPageSource
{
    // Slabs and index leaves grow at the end of their reservations, so a range grows far oftener than a new one comes.
    private const int RangeCapacity = 1024;

    // Headers, queues and readers' slots of the table, which cannot be refused: all of them, touched or not yet.
    private const int HeadPageCount = 16;

    // Of memory this source committed; made here, since nothing may be made inside a hook.
    private readonly Charged[] _ranges = new Charged[RangeCapacity];
    private int _rangeCount;
    private long _charged;
    private bool _isCharging;
    private int _lock;
    private int _wasRefusedByLimit;

    private struct Charged
    {
        public MemoryRange Range;
        public bool IsSparse;
    }

    /// <summary>Most bytes to give out. Set before charging begins.</summary>
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

    /// <summary>Bytes on the account: at least those in use.</summary>
    // Order: a statistic.
    public long ChargedByteCount => Volatile.Read(ref _charged);

    /// <summary>Whether the limit, not the system, refused something.</summary>
    // Order: a latch.
    public bool WasRefusedByLimit => Volatile.Read(ref _wasRefusedByLimit) != 0;

    /// <inheritdoc/>
    public nuint PageByteCount => inner.PageByteCount;

    /// <summary>The tables are made: what they touched so far is on the account, from now on all growth is charged.</summary>
    public void BeginCharging()
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        _charged = CountTouched() + alsoUsed() + (HeadPageCount * (long)PageByteCount);
        _isCharging = true;
    }

    /// <inheritdoc/>
    public nuint Reserve(nuint byteCount) => inner.Reserve(byteCount);

    /// <inheritdoc/>
    public bool Commit(nuint address, nuint byteCount)
    {
        if (!TryCharge(byteCount))
        {
            return false;
        }

        if (!inner.Commit(address, byteCount))
        {
            Charge(-(nint)byteCount);
            return false;
        }

        Note(address, byteCount, isSparse: false);
        return true;
    }

    /// <inheritdoc/>
    public bool CommitSparse(nuint address, nuint byteCount)
    {
        if (!inner.CommitSparse(address, byteCount))
        {
            return false;
        }

        Note(address, byteCount, isSparse: true);
        return true;
    }

    /// <inheritdoc/>
    public bool TryCharge(nuint byteCount)
    {
        if (!_isCharging)
        {
            return true;
        }

        while (true)
        {
            // Order: the account is one word, changed by exchanges only.
            long seen = Volatile.Read(ref _charged);
            if (seen + (long)byteCount > ByteLimit)
            {
                // Order: a latch, for reports.
                Volatile.Write(ref _wasRefusedByLimit, 1);
                return false;
            }

            if (Interlocked.CompareExchange(ref _charged, seen + (long)byteCount, seen) == seen)
            {
                return true;
            }
        }
    }

    /// <inheritdoc/>
    public void Charge(nint byteCount)
    {
        if (_isCharging)
        {
            // Order: as in TryCharge.
            Interlocked.Add(ref _charged, byteCount);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Not charged here: who asks has paid for every page of the range.</remarks>
    public bool PreferLarge(nuint address, nuint byteCount) => inner.PreferLarge(address, byteCount);

    /// <inheritdoc/>
    public nuint AllocatePrivate(nuint byteCount)
        => TryCharge(byteCount) ? NoteOrGiveBack(inner.AllocatePrivate(byteCount), byteCount) : 0;

    /// <inheritdoc/>
    public nuint AllocateShared(nuint byteCount)
        => TryCharge(byteCount) ? NoteOrGiveBack(inner.AllocateShared(byteCount), byteCount) : 0;

    /// <inheritdoc/>
    public nuint CountTouched(nuint address, nuint byteCount) => inner.CountTouched(address, byteCount);

    /// <inheritdoc/>
    public void Release(nuint address, nuint byteCount)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        for (int i = 0; i < _rangeCount; i++)
        {
            MemoryRange range = _ranges[i].Range;
            if (range.Start >= address && range.End <= address + byteCount)
            {
                Charge(_ranges[i].IsSparse ? 0 : -(nint)range.ByteCount);
                _ranges[i--] = _ranges[--_rangeCount];
            }
        }

        inner.Release(address, byteCount);
    }

    private nuint NoteOrGiveBack(nuint address, nuint byteCount)
    {
        if (address == 0)
        {
            Charge(-(nint)byteCount);
        }
        else
        {
            Note(address, byteCount, isSparse: false);
        }

        return address;
    }

    // For reports. What finds no place in the list is missing there; the account has it all the same.
    private void Note(nuint address, nuint byteCount, bool isSparse)
    {
        using SpinScope scope = SpinScope.Enter(ref _lock, LockRank.PageLimit);
        for (int i = 0; i < _rangeCount; i++)
        {
            if (_ranges[i].Range.End == address && _ranges[i].IsSparse == isSparse)
            {
                _ranges[i].Range = new MemoryRange(_ranges[i].Range.Start, address + byteCount);
                return;
            }
        }

        if (_rangeCount < RangeCapacity)
        {
            _ranges[_rangeCount].Range = new MemoryRange(address, address + byteCount);
            _ranges[_rangeCount++].IsSparse = isSparse;
        }
    }

    // Under the lock.
    private long CountTouched()
    {
        long touched = 0;
        for (int i = 0; i < _rangeCount; i++)
        {
            touched += (long)inner.CountTouched(_ranges[i].Range.Start, _ranges[i].Range.ByteCount);
        }

        return touched;
    }
}
