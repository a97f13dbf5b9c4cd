// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>What a program did wrong.</summary>
internal enum MisuseCode : byte
{
    /// <summary>Nothing yet: a free entry.</summary>
    None,

    /// <summary>A block was freed that was free already.</summary>
    DoubleFree,

    /// <summary>Something was freed that is no block.</summary>
    InvalidFree,

    /// <summary>A block of one family was freed by another's function.</summary>
    MismatchedFree,

    /// <summary>A block was written to after it was freed.</summary>
    WriteAfterFree,
}

/// <summary>One mistake of a program at one place, as the hook found it: numbers only, no names.</summary>
/// <remarks>88 bytes, in native pages. Its key are the kind and the three sites.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MisuseEntry
{
    /// <summary>Most overwritten bytes that are kept.</summary>
    public const int MaximumContentByteCount = 16;

    /// <summary>The address that was freed, or the start of the block that was written to; of the first time.</summary>
    public nuint Address;

    /// <summary>Start of the block concerned; 0 when none is known.</summary>
    public nuint BlockAddress;

    /// <summary>Its size; 0 when not known.</summary>
    public nuint ByteCount;

    /// <summary>How often it was seen.</summary>
    public long Count;

    /// <summary>Where the block was allocated; 0 when not known.</summary>
    public uint Site;

    /// <summary>Where it was freed now; of a write after free: 0, the writer is not known.</summary>
    public uint FreeSite;

    /// <summary>Where it was freed first; 0 when not known.</summary>
    public uint FirstFreeSite;

    /// <summary>First overwritten byte of the block.</summary>
    public uint Offset;

    /// <summary>The API that allocated.</summary>
    public AllocationApi Api;

    /// <summary>The API that freed.</summary>
    public FreeingApi FreeApi;

    /// <summary>What it is.</summary>
    public MisuseCode Code;

    /// <summary>How many bytes of <see cref="Content"/> count.</summary>
    public byte ContentByteCount;

    /// <summary>Why an invalid free is one.</summary>
    public InvalidFreeReason Reason;

    /// <summary>The bytes found at <see cref="Offset"/>.</summary>
    public fixed byte Content[MaximumContentByteCount];
}

/// <summary>Why something is no block.</summary>
internal enum InvalidFreeReason : byte
{
    /// <summary>Does not apply.</summary>
    None,

    /// <summary>It is an address inside a block in use.</summary>
    InsideBlock,

    /// <summary>It is on the stack of the thread that freed it.</summary>
    OnStack,

    /// <summary>It is in the managed heap.</summary>
    InManagedHeap,

    /// <summary>The C heap has no block in use there.</summary>
    NoBlock,
}
