// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>
/// Redirects one imported function of one module by its slot in the global offset table: the second tier, for systems
/// that refuse writable code pages. The slot is one aligned 8-byte word: the change is atomic.
/// </summary>
/// <remarks>A slot that the loader sealed (RELRO) is unsealed for the store and sealed again. The owner serialises calls.</remarks>
[SupportedOSPlatform("linux")]
internal sealed unsafe class GlobalOffsetTablePatcher
{
    private const nuint PageBytes = 4096;
    private const int ProtWrite = 2;

    private readonly nuint _slot;
    private readonly int _protection;
    private readonly nuint _original;
    private nuint _installed;

    private GlobalOffsetTablePatcher(nuint slot, int protection)
    {
        _slot = slot;
        _protection = protection;
        // Order: a plain aligned load is enough; nobody writes a slot after start-up but patchers like this one.
        _original = *(nuint*)slot;
    }

    /// <summary>What the slot held when it was planned.</summary>
    public nuint Original => _original;

    /// <summary>Looks at a slot of <paramref name="image"/>; changes nothing. Null when it is not a readable slot.</summary>
    public static GlobalOffsetTablePatcher? TryPlan(ElfImage image, nuint slot)
    {
        int protection = image.LoaderProtection(slot);
        return slot % (nuint)sizeof(nuint) == 0 && image.IsReadable(slot, (nuint)sizeof(nuint)) && protection != 0
            ? new GlobalOffsetTablePatcher(slot, protection)
            : null;
    }

    /// <summary>Stores <paramref name="target"/>. False, with the reason and nothing changed, when the system refuses.</summary>
    public bool TryApply(nuint target, out string reason)
    {
        if (_installed != 0)
        {
            reason = "";
            return true;
        }

        bool stored = TryExchange(_original, target, out reason);
        _installed = stored ? target : 0;
        return stored;
    }

    /// <summary>Puts the original address back. False when somebody else has changed the slot since.</summary>
    public bool TryUndo(out string reason)
    {
        reason = "";
        if (_installed != 0 && TryExchange(_installed, _original, out reason))
        {
            _installed = 0;
        }

        return _installed == 0;
    }

    private bool TryExchange(nuint expected, nuint desired, out string reason)
    {
        nint page = (nint)(_slot & ~(PageBytes - 1));
        bool isSealed = (_protection & ProtWrite) == 0;
        nint error = isSealed
            ? RawSyscall.Invoke(SyscallNumber.Mprotect, page, (nint)PageBytes, _protection | ProtWrite)
            : 0;
        if (error != 0)
        {
            reason = $"the system refuses to unseal the global offset table (errno {-error})";
            return false;
        }

        // Safety: an aligned word in a readable segment of a loaded module, writable now.
        // Order: full fence; the stub page was sealed before; pairs with the indirect jump of the calling threads.
        bool exchanged = Interlocked.CompareExchange(ref *(nuint*)_slot, desired, expected) == expected;
        if (isSealed)
        {
            RawSyscall.Invoke(SyscallNumber.Mprotect, page, (nint)PageBytes, _protection);
        }

        reason = exchanged ? "" : "the slot changed while it was being patched";
        return exchanged;
    }
}
