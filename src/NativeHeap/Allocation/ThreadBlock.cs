// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what a recorded allocation or free needs to know of its thread, in one place.
// Who calls it: AllocationRecorder and FreeGate on every call; ThreadBlocks fills it in.
// The one idea: one load finds it, where each thread static costs a call of the dynamic linker.
// Safety: blocks lie in one reservation that is never given back; a block is written by the thread that bears its number only.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>One per thread number. All of it repeats, or leads to, what is kept elsewhere.</summary>
/// <remarks>
/// <code>
///   0 scope   4 state word   8 stack end   16 stripe   24 ring   32 memo   40 clock (24)   64 eight places that freed (32 each)   320
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal unsafe struct ThreadBlock
{
    /// <summary>Size in bytes: whole cache lines.</summary>
    public const int ByteCount = 320;

    /// <summary>Places that freed, by the low bits of where they return to.</summary>
    public const int PlaceCount = 8;

    private const int FirstPlace = 64;

    /// <summary>A copy of <see cref="ThreadState.Scope"/>.</summary>
    [FieldOffset(0)] public int Scope;

    /// <summary>The state word of a record of the thread's, without API and flags.</summary>
    [FieldOffset(4)] public uint Live;

    /// <summary>Where its stack ends.</summary>
    [FieldOffset(8)] public nuint StackEnd;

    /// <summary>Its part of the record table.</summary>
    [FieldOffset(16)] public RecordStripe* Stripe;

    /// <summary>Its ring of recent frees; null before the first free.</summary>
    [FieldOffset(24)] public FreeRing* Ring;

    /// <summary>Its last walk.</summary>
    [FieldOffset(32)] public WalkMemo* Memo;

    /// <summary>The clock as it last stood.</summary>
    [FieldOffset(40)] public ClockMemo Clock;

    /// <summary>The place that a call which returns to this address uses.</summary>
    // Safety: the index is masked.
    public static FreePlace* PlaceOf(ThreadBlock* block, nuint returnAddress)
        => (FreePlace*)((byte*)block + FirstPlace) + ((returnAddress >> 2) & (PlaceCount - 1));
}
