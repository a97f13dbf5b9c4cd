// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: memory comes zeroed from the kernel and is given back only by whoever took it.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>Memory for the child: zeroed private pages straight from the kernel, never given back (the child ends soon).</summary>
[ChildCode]
internal static unsafe class ChildArena
{
    private const nuint LargePageByteCount = 2 << 20;
    private const nint AdviseLargePages = 14, ReadWrite = 3, PrivateAnonymousNoReserve = 0x4022;

    // Set while a scan runs in the living process, on the scanner thread.
    private static ArenaLedger* s_ledger;

    /// <summary>From now on what is handed out is written down; null: not any more. Only the scanner thread calls it.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void KeepLedger(ArenaLedger* ledger) => s_ledger = ledger;

    /// <summary>Zeroed pages of at least <paramref name="byteCount"/> bytes, committed on touch; null when refused.</summary>
    [MethodImpl(ChildCode.Options)]
    public static byte* Allocate(nuint byteCount)
    {
        nint pages = (nint)((byteCount + 4095) & ~(nuint)4095);
        nint result = RawSyscall.Invoke(SyscallNumber.Mmap, 0, pages == 0 ? 4096 : pages, ReadWrite, PrivateAnonymousNoReserve, -1);
        if (result is < 0 and > -4096)
        {
            return null;
        }

        if (s_ledger != null && !ArenaLedger.TryAdd(s_ledger, (nuint)result, (nuint)(pages == 0 ? 4096 : pages)))
        {
            RawSyscall.Invoke(SyscallNumber.Munmap, result, pages == 0 ? 4096 : pages);
            return null;
        }

        return (byte*)result;
    }

    /// <summary>As <see cref="Allocate"/>, for what will be filled from its start to its end and then read at random: on
    /// large pages where the system has them, which spares most misses of the address translation.</summary>
    [MethodImpl(ChildCode.Options)]
    public static byte* AllocateDense(nuint byteCount)
    {
        nuint rounded = DenseByteCount(byteCount);
        byte* pages = Allocate(rounded);
        if (pages != null && rounded >= LargePageByteCount)
        {
            RawSyscall.Invoke(SyscallNumber.Madvise, (nint)pages, (nint)((rounded + 4095) & ~(nuint)4095), AdviseLargePages);
        }

        return pages;
    }

    /// <summary>What <see cref="AllocateDense"/> takes, which is to be given back: whole large pages, to whose bounds the kernel
    /// then aligns them.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint DenseByteCount(nuint byteCount)
        => byteCount < LargePageByteCount / 2 ? byteCount : (byteCount + LargePageByteCount - 1) & ~(LargePageByteCount - 1);

    /// <summary>Gives pages back (the self-test runs in the parent and must leave nothing behind).</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Free(void* pages, nuint byteCount)
    {
        if (pages != null)
        {
            if (s_ledger != null)
            {
                ArenaLedger.Remove(s_ledger, (nuint)pages);
            }

            RawSyscall.Invoke(SyscallNumber.Munmap, (nint)pages, (nint)((byteCount + 4095) & ~(nuint)4095));
        }
    }
}
