// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop;

/// <summary>
/// Contract: whole pages of native memory for the detector's own use.
/// Pre: byte counts are multiples of <see cref="PageByteCount"/>; addresses come from this source.
/// Post: memory handed out is zeroed, registered in <see cref="OwnMemory"/> (so never scanned) and never tracked;
/// failure is a return value (0 or false), never an exception. Safe on any thread, in any GC mode, inside a hook.
/// </summary>
internal interface IPageSource
{
    /// <summary>Bytes in one page (4,096 on x64).</summary>
    nuint PageByteCount { get; }

    /// <summary>Reserves address space that is not yet usable. Returns its start, or 0 when refused.</summary>
    nuint Reserve(nuint byteCount);

    /// <summary>Makes part of a reservation readable and writable. False when the system refuses.</summary>
    bool Commit(nuint address, nuint byteCount);

    /// <summary>
    /// As <see cref="Commit"/>, for a table that is touched here and there only: a source with a limit asks for room when
    /// <see cref="TryCharge"/> says that pages are about to be touched, not now.
    /// </summary>
    bool CommitSparse(nuint address, nuint byteCount) => Commit(address, byteCount);

    /// <summary>Asks for room for pages of a sparse table, or of other memory, before they are touched. False when a limit
    /// refuses.</summary>
    bool TryCharge(nuint byteCount) => true;

    /// <summary>Corrects the account by what was touched and could not be refused, or (negative) was not used.</summary>
    void Charge(nint byteCount)
    {
    }

    /// <summary>
    /// Asks for large pages (2 MiB) behind a committed, aligned range that will be touched as a whole, or has been. A wish:
    /// false where there are none, and nothing depends on it. What is reserved gets none unless they are asked for.
    /// </summary>
    bool PreferLarge(nuint address, nuint byteCount) => false;

    /// <summary>Private, zeroed, readable and writable pages. Returns their start, or 0 when refused.</summary>
    nuint AllocatePrivate(nuint byteCount);

    /// <summary>Pages shared with a cloned child (MAP_SHARED), committed on first touch. Returns their start, or 0.</summary>
    nuint AllocateShared(nuint byteCount);

    /// <summary>Bytes of committed pages that were ever written or read, as far as the system tells; else all.</summary>
    nuint CountTouched(nuint address, nuint byteCount) => byteCount;

    /// <summary>Gives a whole reservation or allocation back and unregisters it.</summary>
    void Release(nuint address, nuint byteCount);
}
