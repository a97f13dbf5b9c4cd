// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux.Patching;

namespace HookDriver;

/// <summary>Makes one export look like a build nobody has seen: a nop for the int3 in its padding is still known, other
/// code there is not. The function itself keeps working.</summary>
internal static unsafe class UnknownCode
{
    public static void PutBehind(string export)
    {
        _ = Platform.Pages;
        ElfImage image = LoadedModules.Find("libSystem.Native.so")!;
        if (!image.TryFindExport(export, out ElfExport found))
        {
            throw new EntryPointNotFoundException(export);
        }

        ReadOnlySpan<byte> code = new((void*)found.Address, CodePatch.ByteCount);
        Span<byte> changed = stackalloc byte[CodePatch.ByteCount];
        code.CopyTo(changed);
        changed[^1] = 0x55;
        if (!new CodePatch(found.Address, code, changed, image.LoaderProtection(found.Address)).TryApply(out string reason))
        {
            throw new InvalidOperationException(reason);
        }
    }
}
