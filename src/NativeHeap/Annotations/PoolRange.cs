// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>Memory that a pool hands out piece by piece: a superblock, or a block of a metapool. 64 bytes, a cache line.</summary>
/// <remarks>
/// <code>
/// offset  0          8          16         20         24                            56       64
///         ┌──────────┬──────────┬──────────┬──────────┬─────────────────────────────┬────────┐
///         │ start    │ end      │ pool     │ kind     │ record of the block it is   │ unused │
///         └──────────┴──────────┴──────────┴──────────┴─────────────────────────────┴────────┘
/// </code>
/// The end is the publish word: 0 while the rest is being written.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal struct PoolRange
{
    /// <summary>Size of an entry in bytes.</summary>
    public const int ByteCount = 64;

    /// <summary>First byte.</summary>
    [FieldOffset(0)] public nuint Start;

    /// <summary>Behind the last byte.</summary>
    [FieldOffset(8)] public nuint End;

    /// <summary>Number of the pool; 0: its pool is gone.</summary>
    [FieldOffset(16)] public uint Pool;

    /// <summary>1: a block of a metapool; 0: a superblock.</summary>
    [FieldOffset(20)] public uint IsMetaBlock;

    /// <summary>The record that stood for the superblock before it became one; address 0: there was none.</summary>
    [FieldOffset(24)] public BlockRecord Shelved;
}
