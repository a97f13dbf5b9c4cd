// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Injection;

/// <summary>Whose a file is; .NET does not say.</summary>
internal static unsafe partial class FileOwner
{
    private const int CurrentFolder = -100, NoFollow = 0x100;
    private const uint OwnerWanted = 8;

    // struct statx (statx(2)), the same on every architecture: the mask of what is filled in first, the owner at 20.
    private const int StatxByteCount = 256, OwnerOffset = 20;

    /// <summary>Whether a file (no link is followed) is owned by the user in whose name this process acts; false when it cannot be told.</summary>
    public static bool IsThisUser(string path)
    {
        // Safety: the system fills in StatxByteCount bytes at most, which are there.
        byte* status = stackalloc byte[StatxByteCount];
        try
        {
            return Statx(CurrentFolder, path, NoFollow, OwnerWanted, status) == 0
                && (*(uint*)status & OwnerWanted) != 0 && *(uint*)(status + OwnerOffset) == EffectiveUser();
        }
        catch (EntryPointNotFoundException)
        {
            return false; // a C library older than the call
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
