// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Readable pages with an inaccessible page right behind them, and another that can be taken away.</summary>
internal sealed unsafe class GuardedPages : IDisposable
{
    private const nint ProtNone = 0;

    private readonly nuint _byteCount;
    private readonly byte* _start;

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

    public void Dispose() => Platform.Pages.Release((nuint)_start, _byteCount + 4096);
}
