// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

/// <summary>The call that made a block, as reports name it. Values are stored in records: append only.</summary>
internal enum AllocationApi : byte
{
    /// <summary>Seen at a hooked export; the first-seen stack of its site tells the API.</summary>
    Unknown = 0,
    NativeMemoryAlloc,
    NativeMemoryAllocZeroed,
    NativeMemoryRealloc,
    NativeMemoryAlignedAlloc,
    NativeMemoryAlignedRealloc,
    MarshalAllocHGlobal,
    MarshalReAllocHGlobal,
    MarshalAllocCoTaskMem,
    MarshalReAllocCoTaskMem,
    MarshalStringToHGlobalAnsi,
    MarshalStringToHGlobalUni,
    MarshalStringToHGlobalAuto,
    MarshalStringToCoTaskMemAnsi,
    MarshalStringToCoTaskMemUni,
    MarshalStringToCoTaskMemAuto,
    MarshalStringToCoTaskMemUTF8,
    MarshalStringToBSTR,
    MarshalSecureStringToBSTR,
    MarshalSecureStringToGlobalAllocAnsi,
    MarshalSecureStringToGlobalAllocUnicode,
    MarshalSecureStringToCoTaskMemAnsi,
    MarshalSecureStringToCoTaskMemUnicode,
    LeakHintsAdopt,
    BlockPoolAlloc,
}
