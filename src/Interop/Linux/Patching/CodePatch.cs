// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the change of one function's first 16 bytes, there and back.
// Who calls it: HookInstallation, with plans made by ExportPatcher.
// The one idea: compare and exchange: 16 bytes are replaced in one store, and only if they are what the plan saw.
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>
/// One planned change of 16 aligned bytes of code: the bytes that must be there now and the bytes that replace them.
/// </summary>
/// <remarks>
/// The replacement is one atomic 16-byte compare-and-exchange inside one cache line: a thread that enters the function
/// meanwhile fetches the old bytes or the new ones, never a mixture, and bytes that somebody else changed since the plan
/// was made are left alone. Not thread-safe against itself: the owner serialises <see cref="TryApply"/> and
/// <see cref="TryUndo"/>.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed unsafe class CodePatch
{
    /// <summary>Bytes that one patch covers.</summary>
    public const int ByteCount = 16;

    private const nint ProtReadWriteExec = 7;
    private const nuint PageBytes = 4096;

    private readonly byte[] _original;
    private readonly byte[] _replacement;
    private readonly int _protection;

    /// <summary>Plans a change; <paramref name="protection"/> (PROT_ bits) is what the page gets back afterwards.</summary>
    internal CodePatch(nuint address, ReadOnlySpan<byte> original, ReadOnlySpan<byte> replacement, int protection)
    {
        Address = address;
        _original = original.ToArray();
        _replacement = replacement.ToArray();
        _protection = protection;
    }

    /// <summary>Where the code starts; a multiple of 16.</summary>
    public nuint Address { get; }

    /// <summary>Whether the replacement is in force.</summary>
    public bool IsApplied { get; private set; }

    /// <summary>Puts the new bytes in. False, with the reason and with nothing changed, when that is impossible.</summary>
    public bool TryApply(out string reason)
    {
        reason = "";
        if (!IsApplied)
        {
            IsApplied = TryExchange(_original, _replacement, out reason);
        }

        return IsApplied;
    }

    /// <summary>Puts the old bytes back. False, with the reason, when others have changed the code since.</summary>
    public bool TryUndo(out string reason)
    {
        reason = "";
        if (IsApplied)
        {
            IsApplied = !TryExchange(_replacement, _original, out reason);
        }

        return !IsApplied;
    }

    private bool TryExchange(byte[] expected, byte[] desired, out string reason)
    {
        nint page = (nint)(Address & ~(PageBytes - 1));
        nint error = RawSyscall.Invoke(SyscallNumber.Mprotect, page, (nint)PageBytes, ProtReadWriteExec);
        if (error != 0)
        {
            reason = $"the system refuses writable code pages (errno {-error})";
            return false;
        }

        // Safety: (1) 16 aligned bytes never cross a page, and this page is readable, writable and executable now;
        // (2) the exchange fails unless all 16 bytes are what the plan saw.
        bool exchanged;
        fixed (byte* expectedBytes = expected, desiredBytes = desired)
        {
            exchanged = ((delegate* unmanaged[SuppressGCTransition]<void*, void*, void*, int>)MachineCode.Exchange16)(
                (void*)Address, expectedBytes, desiredBytes) != 0;
        }

        // A page that stays writable works as well; there is nothing better to do when this is refused.
        RawSyscall.Invoke(SyscallNumber.Mprotect, page, (nint)PageBytes, _protection);
        reason = exchanged ? "" : "the code changed while it was being patched";
        return exchanged;
    }
}
