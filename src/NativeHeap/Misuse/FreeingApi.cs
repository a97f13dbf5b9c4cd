// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Misuse;

/// <summary>The call that freed a block, as far as it is known when it happens.</summary>
internal enum FreeingApi : byte
{
    /// <summary>Seen at a hooked export that many APIs end in; the stack of the call tells which it was.</summary>
    Unknown = 0,

    /// <summary>The same, at the export that changes a block's size.</summary>
    UnknownRealloc,
    NativeMemoryFree,
    NativeMemoryAlignedFree,
    NativeMemoryRealloc,
    NativeMemoryAlignedRealloc,
    MarshalFreeHGlobal,
    MarshalReAllocHGlobal,
    MarshalFreeCoTaskMem,
    MarshalReAllocCoTaskMem,
    MarshalFreeBSTR,
    MarshalZeroFreeBSTR,
    MarshalZeroFreeCoTaskMemAnsi,
    MarshalZeroFreeCoTaskMemUTF8,
    MarshalZeroFreeCoTaskMemUnicode,
    MarshalZeroFreeGlobalAllocAnsi,
    MarshalZeroFreeGlobalAllocUnicode,
}
