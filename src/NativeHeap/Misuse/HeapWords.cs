// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads the C heap's notes at addresses that may be anything.
// Who calls it: HeapChunk, ThreadCaches, FastLists, FreeSpans.
// The one idea: the kernel takes the fault. To copy through it (SafeRead) costs most of a microsecond; to ask it whether an
// address can be read costs a tenth, and is enough for what stays mapped as long as a block is its owner's: if the caller is
// the owner, the answer holds, and if it is not, the C heap would read the same word next.
// Safety: Copy dereferences nothing; Probe hands out a word that was readable a moment ago, as said above.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Words of memory that may not exist. Thread-safe; no GC memory.</summary>
internal static unsafe class HeapWords
{
    private const nint NotMapped = -14, Invalid = -22; // EFAULT, EINVAL
    private const nint NoSuchOperation = 0x7FFF_FFFF; // of rt_sigprocmask, which reads its argument before it refuses
    private const nuint WordMask = 7;
    private const int PageBits = 12;

    private static bool s_canProbe;

    /// <summary>Learns whether this kernel can be asked. Idempotent, cold.</summary>
    public static void Initialize()
    {
        IPageSource pages = Platform.Pages;
        nuint closed = pages.Reserve(pages.PageByteCount);
        if (closed != 0)
        {
            nuint open = 0;
            s_canProbe = Ask((nuint)(&open)) == Invalid && Ask(closed) == NotMapped;
            pages.Release(closed, pages.PageByteCount);
        }
    }

    /// <summary>Reads a word of memory that may vanish at any moment. About a microsecond.</summary>
    public static bool TryCopy(nuint address, out nuint word)
    {
        nuint read;
        bool isRead = TryCopy(address, &read, (nuint)sizeof(nuint));
        word = isRead ? read : 0;
        return isRead;
    }

    /// <summary>Reads memory that may vanish at any moment. About a microsecond.</summary>
    // Safety: the destination has room for so many bytes.
    public static bool TryCopy(nuint address, void* destination, nuint byteCount)
    {
        int processId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        return SafeRead.CopyInline(processId, address, destination, (nint)byteCount) == (nint)byteCount;
    }

    /// <summary>
    /// Reads a word that is there for sure if the caller owns the block it belongs to. A tenth of a microsecond, or nothing when
    /// it lies in the page of the word read before.
    /// </summary>
    /// <param name="address">Where; a multiple of 8, else it is not read.</param>
    /// <param name="page">The page known to be readable; 0 at first.</param>
    /// <param name="word">What is there.</param>
    public static bool TryProbe(nuint address, ref nuint page, out nuint word)
    {
        word = 0;
        if ((address & WordMask) != 0)
        {
            return false;
        }

        if (!s_canProbe)
        {
            return TryCopy(address, out word);
        }

        if (address >> PageBits != page)
        {
            if (Ask(address) != Invalid)
            {
                return false;
            }

            page = address >> PageBits;
        }

        word = *(nuint*)address;
        return true;
    }

    /// <summary>As <see cref="TryCopy(nuint, out nuint)"/>, but for nothing within the page that is the caller's.</summary>
    /// <param name="address">Where; a multiple of 8.</param>
    /// <param name="page">From <see cref="TryProbe"/>.</param>
    /// <param name="word">What is there.</param>
    public static bool TryReadNear(nuint address, nuint page, out nuint word)
        => address >> PageBits == page ? TryProbe(address, ref page, out word) : TryCopy(address, out word);

    private static nint Ask(nuint address)
        => RawSyscall.Invoke(SyscallNumber.RtSigprocmask, NoSuchOperation, (nint)address, 0, sizeof(ulong));
}
