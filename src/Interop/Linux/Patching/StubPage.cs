// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one page of entry stubs, placed within ±2 GiB of the module they serve when the system allows it.
// Who calls it: the runtime hook, once per installation.
// The one idea: stubs are written while the page is not executable and the page is sealed before any address is used,
// so it is never writable and executable at once. It lives as long as the process: a thread may be in it at any time.
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>A page that stubs are added to and that is then sealed.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe partial class StubPage
{
    private const nuint PageBytes = 4096;
    private const nuint SearchStep = 1 << 20;
    private const int SearchSteps = 16;
    private const nuint Reach = 0x7000_0000; // 1.75 GiB of the 2 GiB a 32-bit displacement spans
    private const nint ProtRead = 1, ProtWrite = 2, ProtExec = 4, MapPrivate = 2, MapAnonymous = 0x20, MapFixedNoReplace = 0x100000;

    private readonly nuint _start;
    private int _used;
    private bool _isSealed;

    private StubPage(nuint start) => _start = start;

    /// <summary>The page.</summary>
    public MemoryRange Range => new(_start, _start + PageBytes);

    /// <summary>Maps a page near <paramref name="module"/>, or anywhere when there is no room near it.</summary>
    /// <returns>Null when the system refuses memory altogether.</returns>
    public static StubPage? TryCreate(MemoryRange module)
    {
        for (int i = 1; i <= SearchSteps && !TestHookIsFar; i++)
        {
            nuint distance = (nuint)i * SearchStep;
            nuint below = module.Start > distance ? TryMapAt((module.Start - distance) & ~(PageBytes - 1)) : 0;
            nuint found = below != 0 ? below : TryMapAt((module.End + distance) & ~(PageBytes - 1));
            if (found != 0)
            {
                return new StubPage(found);
            }
        }

        // Address space can be full of others' reservations, with gaps between them.
        nuint inGap = TestHookIsFar ? 0 : TryMapInGap(module);
        if (inGap != 0)
        {
            return new StubPage(inGap);
        }

        nuint anywhere = Map(TestHookIsFar ? unchecked(module.Start + (8 * (nuint)Reach)) : 0, 0);
        return anywhere == 0 ? null : new StubPage(anywhere);
    }

    /// <summary>Adds code and returns its address, 16-byte aligned; 0 when the page is full or sealed.</summary>
    public nuint Add(ReadOnlySpan<byte> code)
    {
        if (_isSealed || _used + code.Length > (int)PageBytes)
        {
            return 0;
        }

        // Safety: the page is ours, writable until sealed, and has room (checked above).
        nuint address = _start + (nuint)_used;
        code.CopyTo(new Span<byte>((void*)address, code.Length));
        _used = (_used + code.Length + 15) & ~15;
        return address;
    }

    /// <summary>Makes the page executable and read-only. False when the system refuses executable memory.</summary>
    public bool Seal()
    {
        _isSealed = true;
        return RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)_start, (nint)PageBytes, ProtRead | ProtExec) == 0;
    }

    /// <summary>Gives the page back. Only when none of its addresses was ever published.</summary>
    public void Discard() => RawSyscall.Invoke(SyscallNumber.Munmap, (nint)_start, (nint)PageBytes);

    // The page nearest to the module in each gap between two mappings, from the nearest gap on. The C heap grows upwards into
    // the gap behind it, which stays free.
    private static nuint TryMapInGap(MemoryRange module)
    {
        Mapping[] mappings = EarlyMaps.Read();
        nuint[] places = new nuint[mappings.Length];
        nuint[] distances = new nuint[mappings.Length];
        int count = 0;
        nuint lastEnd = 0x10000;
        bool isBehindHeap = false;
        foreach (Mapping mapping in mappings)
        {
            bool isBelow = mapping.Start <= module.Start;
            nuint address = isBelow ? mapping.Start - PageBytes : lastEnd;
            nuint distance = isBelow ? module.End - address : address + PageBytes - module.Start;
            if (mapping.Start >= lastEnd + PageBytes && distance < Reach && !isBehindHeap)
            {
                (places[count], distances[count]) = (address, distance);
                count++;
            }

            lastEnd = mapping.End;
            isBehindHeap = mapping.Kind == MappingKind.Heap;
        }

        for (; count > 0; count--)
        {
            // The nearest goes first, the last takes its place. Loops: sorting would be compiled before Main.
            int nearest = 0;
            for (int i = 1; i < count; i++)
            {
                nearest = distances[i] < distances[nearest] ? i : nearest;
            }

            nuint mapped = TryMapAt(places[nearest]);
            if (mapped != 0)
            {
                return mapped;
            }

            (places[nearest], distances[nearest]) = (places[count - 1], distances[count - 1]);
        }

        return 0;
    }

    // Kernels before 4.17 take the flag for a hint and may map elsewhere; that is undone.
    private static nuint TryMapAt(nuint address)
    {
        nuint mapped = Map(address, MapFixedNoReplace);
        if (mapped != 0 && mapped != address)
        {
            RawSyscall.Invoke(SyscallNumber.Munmap, (nint)mapped, (nint)PageBytes);
            return 0;
        }

        return mapped;
    }

    private static nuint Map(nuint address, nint extraFlags)
    {
        nint result = RawSyscall.Invoke(
            SyscallNumber.Mmap, (nint)address, (nint)PageBytes, ProtRead | ProtWrite, MapPrivate | MapAnonymous | extraFlags, -1, 0);
        return result is < 0 and > -4096 ? 0 : (nuint)result;
    }
}
