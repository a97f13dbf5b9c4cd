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

    private const nint MapShared = 0x01, MapPrivate = 0x02, MapAnonymous = 0x20, MapNoReserve = 0x4000;

    private readonly AddressSpaceBudget _budget;

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

        nint place = byteCount < FarByteCount ? 0 : unchecked((nint)FarAway);
        nuint address = Register(Map(byteCount, ProtNone, MapPrivate | MapNoReserve, place), byteCount);
        if (address == 0)
        {
            _budget.Return(byteCount);
        }

        return address;
    }

    /// <inheritdoc/>
    public bool Commit(nuint address, nuint byteCount)
        => RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)address, (nint)byteCount, ProtReadWrite) == 0;

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
