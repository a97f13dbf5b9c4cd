// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security;

namespace NativeLeak.ExitApps;

/// <summary>Calls every API that allocates, each from a method that is named like it, and forgets what it
/// gave.</summary>
internal static unsafe class AllocatorCatalog
{
    private const int Rounds = 8;

    private static readonly SecureString s_secret = MakeSecret();

    private static readonly Action[] s_calls =
    [
        NativeMemory_Alloc, NativeMemory_AllocZeroed, NativeMemory_Realloc, NativeMemory_AlignedAlloc,
        NativeMemory_AlignedRealloc, Marshal_AllocHGlobal, Marshal_ReAllocHGlobal, Marshal_AllocCoTaskMem,
        Marshal_ReAllocCoTaskMem, Marshal_StringToHGlobalAnsi, Marshal_StringToHGlobalUni, Marshal_StringToHGlobalAuto,
        Marshal_StringToCoTaskMemAnsi, Marshal_StringToCoTaskMemUni, Marshal_StringToCoTaskMemAuto,
        Marshal_StringToCoTaskMemUTF8, Marshal_StringToBSTR, Marshal_SecureStringToBSTR,
        Marshal_SecureStringToGlobalAllocAnsi, Marshal_SecureStringToGlobalAllocUnicode,
        Marshal_SecureStringToCoTaskMemAnsi, Marshal_SecureStringToCoTaskMemUnicode, LeakHints_Adopt, BlockPool_Alloc,
    ];

    private static readonly delegate* unmanaged<nuint, void*> s_malloc =
        (delegate* unmanaged<nuint, void*>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "malloc");

    /// <summary>The names of all APIs, as the methods spell them.</summary>
    public static IEnumerable<string> Names => s_calls.Select(static call => call.Method.Name);

    /// <summary>Leaks some blocks of each, on a thread whose stack is gone afterwards.</summary>
    public static void LeakAll()
    {
        Thread thread = new(static () =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                foreach (Action call in s_calls)
                {
                    call();
                }
            }
        });
        thread.Start();
        thread.Join();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NativeMemory_Alloc() => NativeMemory.Alloc(40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NativeMemory_AllocZeroed() => NativeMemory.AllocZeroed(40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NativeMemory_Realloc() => NativeMemory.Realloc(null, 40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NativeMemory_AlignedAlloc() => NativeMemory.AlignedAlloc(64, 64);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NativeMemory_AlignedRealloc() => NativeMemory.AlignedRealloc(null, 64, 64);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_AllocHGlobal() => Marshal.AllocHGlobal(40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_ReAllocHGlobal() => Marshal.ReAllocHGlobal(0, 40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_AllocCoTaskMem() => Marshal.AllocCoTaskMem(40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_ReAllocCoTaskMem() => Marshal.ReAllocCoTaskMem(0, 40);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToHGlobalAnsi() => Marshal.StringToHGlobalAnsi("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToHGlobalUni() => Marshal.StringToHGlobalUni("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToHGlobalAuto() => Marshal.StringToHGlobalAuto("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToCoTaskMemAnsi() => Marshal.StringToCoTaskMemAnsi("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToCoTaskMemUni() => Marshal.StringToCoTaskMemUni("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToCoTaskMemAuto() => Marshal.StringToCoTaskMemAuto("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToCoTaskMemUTF8() => Marshal.StringToCoTaskMemUTF8("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_StringToBSTR() => Marshal.StringToBSTR("a text of some length");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_SecureStringToBSTR() => Marshal.SecureStringToBSTR(s_secret);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_SecureStringToGlobalAllocAnsi() => Marshal.SecureStringToGlobalAllocAnsi(s_secret);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_SecureStringToGlobalAllocUnicode()
        => Marshal.SecureStringToGlobalAllocUnicode(s_secret);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_SecureStringToCoTaskMemAnsi() => Marshal.SecureStringToCoTaskMemAnsi(s_secret);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Marshal_SecureStringToCoTaskMemUnicode() => Marshal.SecureStringToCoTaskMemUnicode(s_secret);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeakHints_Adopt() => LeakHints.Adopt(s_malloc(40), 40, null);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BlockPool_Alloc()
    {
        void* superblock = s_malloc(4096);
        BlockPool.Create(superblock, 4096).Alloc(superblock, 40);
    }

    private static SecureString MakeSecret()
    {
        SecureString secret = new();
        foreach (char character in "a secret of some length")
        {
            secret.AppendChar(character);
        }

        return secret;
    }
}
