// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Records;

/// <summary>Our metadata for one block. 32 bytes, half a cache line, in native pages of our own; never in front of the block.</summary>
/// <remarks>
/// <code>
/// offset  0          8                 16      20       24       28        32
///         ┌──────────┬─────────────────┬───────┬────────┬────────┬─────────┐
///         │ address  │ size 48|api 8|f8│ site  │ordinal │ birth  │ state   │
///         └──────────┴─────────────────┴───────┴────────┴────────┴─────────┘
/// </code>
/// The state word is last because it is the publish word: it becomes Live after everything else is written.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct BlockRecord
{
    /// <summary>Size of a record in bytes.</summary>
    public const int ByteCount = 32;

    /// <summary>Largest block that can be described: 256 TiB − 1.</summary>
    public const ulong MaximumBlockByteCount = (1UL << 48) - 1;

    /// <summary>Start of the block, as the C heap returned it.</summary>
    [FieldOffset(0)] public nuint Address;

    /// <summary>Bits 0–47 the bytes asked for, 48–55 <see cref="AllocationApi"/>, 56–63 <see cref="BlockFlags"/>.</summary>
    [FieldOffset(8)] public ulong SizeApiFlags;

    /// <summary>Id of the allocation site (SiteDepot); 0 = unknown.</summary>
    [FieldOffset(16)] public uint Site;

    /// <summary>Order of allocation in the process (wraps after 2³²).</summary>
    [FieldOffset(20)] public uint Ordinal;

    /// <summary>When it was allocated, in units of 16 ms since the recorder started.</summary>
    [FieldOffset(24)] public uint BirthTick;

    /// <summary>Bits 0–1 <see cref="RecordState"/>, 2–15 pins, 16–31 the thread that allocated (small number, see ThreadNumbers).</summary>
    [FieldOffset(28)] public uint StateWord;

    /// <summary>The bytes asked for.</summary>
    public readonly nuint BlockByteCount => (nuint)(SizeApiFlags & MaximumBlockByteCount);

    /// <summary>The API the block came from, as far as it is known when it was recorded.</summary>
    public readonly AllocationApi Api => (AllocationApi)(byte)(SizeApiFlags >> 48);

    /// <summary>Flags of the block.</summary>
    public readonly BlockFlags Flags => (BlockFlags)(byte)(SizeApiFlags >> 56);

    /// <summary>The state now.</summary>
    public readonly RecordState State => (RecordState)(StateWord & 3);

    /// <summary>Number of the thread that allocated.</summary>
    public readonly ushort ThreadNumber => (ushort)(StateWord >> 16);

    /// <summary>Packs the size word.</summary>
    public static ulong Pack(nuint byteCount, AllocationApi api, BlockFlags flags)
        => (Math.Min(byteCount, MaximumBlockByteCount)) | ((ulong)(byte)api << 48) | ((ulong)(byte)flags << 56);
}

/// <summary>Life of a record: Empty → Live → Retired → Empty. Nothing else.</summary>
internal enum RecordState : uint
{
    /// <summary>Free for use.</summary>
    Empty = 0,

    /// <summary>Describes a live block.</summary>
    Live = 1,

    /// <summary>The block was freed; the record waits until every reader that may hold it has moved on.</summary>
    Retired = 2,
}

/// <summary>Properties of a block that the scanner and the reports need.</summary>
[Flags]
internal enum BlockFlags : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The user's pointer is block + 8 (a BSTR's length prefix comes first): it counts as a start pointer.</summary>
    BstrPrefixed = 1,

    /// <summary>From an aligned allocation: must be freed by AlignedFree.</summary>
    Aligned = 2,
}

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
}
