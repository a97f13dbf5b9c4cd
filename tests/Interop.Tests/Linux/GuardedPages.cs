// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Readable pages with an inaccessible page right behind them, and another that can be taken away.</summary>
internal sealed unsafe class GuardedPages : IDisposable
{
    private const nint ProtNone = 0;

    private readonly nuint _byteCount;
    private readonly byte* _start;
    private byte* _hole;
    private nuint _holeByteCount;

    public GuardedPages(long byteCount)
    {
        _byteCount = ((nuint)byteCount + 4095) / 4096 * 4096;
        _byteCount = _byteCount == 0 ? 4096 : _byteCount;
        _start = (byte*)Platform.Pages.AllocatePrivate(_byteCount + 4096);
        Assume.That((nuint)_start, Is.Not.Zero);
        Protect(End, 4096, ProtNone);
    }

    public byte* Start => _start;

    /// <summary>The first inaccessible byte.</summary>
    public byte* End => _start + _byteCount;

    public static void Protect(void* address, nint byteCount, nint protection)
        => RawSyscall.Invoke(SyscallNumber.Mprotect, (nint)address, byteCount, protection);

    public static void Unmap(void* address, nint byteCount)
        => RawSyscall.Invoke(SyscallNumber.Munmap, (nint)address, byteCount);

    /// <summary>
    /// Unmaps some of these pages. From then on they are nobody's, or anybody's: the compiler's thread maps pages too, and Dispose
    /// leaves what lies there alone.
    /// </summary>
    public void MakeHole(nint offset, nint byteCount)
    {
        _hole = _start + offset;
        _holeByteCount = (nuint)byteCount;
        Unmap(_hole, byteCount);
    }

    public void Dispose()
    {
        if (_hole == null)
        {
            Platform.Pages.Release((nuint)_start, _byteCount + 4096);
            return;
        }

        byte* behind = _hole + _holeByteCount;
        Platform.Pages.Release((nuint)_start, (nuint)(_hole - _start));
        Unmap(behind, (nint)(_start + _byteCount + 4096 - behind));
    }
}
