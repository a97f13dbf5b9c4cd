// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: no address is dereferenced here; only the size of the table entry needs a pointer context.
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux;

/// <summary>Pages by mmap through <see cref="RawSyscall"/>: legal inside a hook, where a P/Invoke with transitions is not wanted.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class LinuxPageSource : IPageSource
{
    private const nint ProtNone = 0, ProtReadWrite = 3;
    // Where large reservations may go, if it is free: between where programs and where libraries are mapped. Beside the
    // libraries they would fill the 2 GiB in which the hook's stubs must lie.
    private const long FarAway = 0x2000_0000_0000;
    private const nuint FarByteCount = 1 << 30;

    // The kernel's large pages. Where it gives them to everybody, a table that is touched here and there would get 2 MiB
    // for each touch; so reservations decline them, and get them where they are asked for, if the kernel allows that.
    private const nuint LargeByteCount = 2 << 20;
    private const nint AdviseLarge = 14, AdviseNotLarge = 15;

    private const nint MapShared = 0x01, MapPrivate = 0x02, MapAnonymous = 0x20, MapNoReserve = 0x4000;

    private readonly AddressSpaceBudget _budget;

    // Where the next far reservation may go: aligned to large pages on every kernel.
    private long _nextFar = FarAway;

    /// <summary>Assembles the syscall stub and the table of own memory.</summary>
    public LinuxPageSource()
    {
        RawSyscall.Initialize();
        _budget = AddressSpaceBudget.OfThisProcess();
        nuint table = Map(OwnMemory.Capacity * (nuint)sizeof(MemoryRange), ProtReadWrite, MapPrivate);
        if (table == 0)
        {
            throw new InsufficientMemoryException("no page for the table of own memory");
        }

        OwnMemory.Initialize(table);
        OwnMemory.TryAdd(new MemoryRange(table, table + (OwnMemory.Capacity * (nuint)sizeof(MemoryRange))));
    }

    /// <inheritdoc/>
    public nuint PageByteCount => 4096;

    /// <inheritdoc/>
    public nuint Reserve(nuint byteCount)
    {
        if (!_budget.TryTake(byteCount))
        {
            return 0;
        }

        nuint address = Register(Map(byteCount, ProtNone, MapPrivate | MapNoReserve, PlaceOf(byteCount)), byteCount);
        if (address == 0)
        {
            _budget.Return(byteCount);
        }
        else if (byteCount >= LargeByteCount)
        {
            RawSyscall.Invoke(SyscallNumber.Madvise, (nint)address, (nint)byteCount, AdviseNotLarge);
        }

        return address;
    }

    /// <inheritdoc/>
    public bool Commit(nuint address, nuint byteCount)
        => RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)address, (nint)byteCount, ProtReadWrite) == 0;

    /// <inheritdoc/>
    public bool PreferLarge(nuint address, nuint byteCount)
        => ((address | byteCount) & (LargeByteCount - 1)) == 0
            && RawSyscall.Invoke(SyscallNumber.Madvise, (nint)address, (nint)byteCount, AdviseLarge) == 0;

    /// <inheritdoc/>
    public nuint AllocatePrivate(nuint byteCount) => Register(Map(byteCount, ProtReadWrite, MapPrivate), byteCount);

    /// <inheritdoc/>
    public nuint AllocateShared(nuint byteCount)
        => Register(Map(byteCount, ProtReadWrite, MapShared | MapNoReserve), byteCount);

    /// <inheritdoc/>
    public nuint CountTouched(nuint address, nuint byteCount) => TouchedPages.Count(address, byteCount);

    /// <inheritdoc/>
    public void Release(nuint address, nuint byteCount)
    {
        OwnMemory.Remove(address);
        RawSyscall.Invoke(SyscallNumber.Munmap, (nint)address, (nint)byteCount);
    }

    // Order: a hint that nobody else need see; two threads get two places.
    private nint PlaceOf(nuint byteCount)
    {
        nuint span = (byteCount + LargeByteCount - 1) & ~(LargeByteCount - 1);
        return byteCount < FarByteCount ? 0 : (nint)(Interlocked.Add(ref _nextFar, (long)span) - (long)span);
    }

    // The place is a hint: the system takes another when it is not free.
    private static nuint Map(nuint byteCount, nint protection, nint flags, nint place = 0)
    {
        nint result = RawSyscall.Invoke(SyscallNumber.Mmap, place, (nint)byteCount, protection, flags | MapAnonymous, -1, 0);
        return result is < 0 and > -4096 ? 0 : (nuint)result;
    }

    private static nuint Register(nuint address, nuint byteCount)
    {
        if (address != 0 && !OwnMemory.TryAdd(new MemoryRange(address, address + byteCount)))
        {
            RawSyscall.Invoke(SyscallNumber.Munmap, (nint)address, (nint)byteCount);
            return 0;
        }

        return address;
    }
}
