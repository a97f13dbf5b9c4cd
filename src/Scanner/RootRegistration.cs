// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Roots;

namespace NativeLeak;

/// <summary>A range of memory that every scan reads for pointers until this is disposed.</summary>
/// <remarks>Thread-safe. Disposing twice is harmless. There is no finalizer: a registration that is dropped without
/// Dispose stays, as LeakSanitizer's root regions do (where the idea is from). The addresses are kept complemented: the
/// registration keeps alive what the range points to, not the range itself.</remarks>
public sealed class RootRegistration : IDisposable
{
    private readonly nuint _startComplement;
    private readonly nuint _endComplement;
    private readonly PointerDecoder _decoder;
    private int _isRegistered;

    internal RootRegistration(MemoryRange range, PointerDecoder decoder, bool isRegistered)
    {
        _decoder = decoder;
        (_startComplement, _endComplement) = (~range.Start, ~range.End);
        _isRegistered = isRegistered ? 1 : 0;
    }

    /// <summary>Takes the registration back. Cost: a search of the table of registered ranges.</summary>
    public void Dispose()
    {
        // Order: full fence; exactly one caller takes the registration back.
        if (Interlocked.Exchange(ref _isRegistered, 0) == 1)
        {
            RegisteredRoots.Remove(new MemoryRange(~_startComplement, ~_endComplement), _decoder);
        }
    }
}
