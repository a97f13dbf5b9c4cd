// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: every legal change of a record's state word, one method per arrow.
// Who calls it: RecordStore; nobody else writes the word.
// The one idea: state and pins share one word, so exactly one thread sees "retired, and nobody holds it any more".
//
//            Publish              Retire                Reclaim
//   Empty ────────────► Live ───────────────► Retired ────────────► Empty
//     ▲                 │ ▲ TryPin / Unpin     │ Unpin only
//     │                 │ │ TryChangeFlags     │
//     │    TryRecycle   │ └─┘                  └─► (pins fall to 0: the last one hands the record to reclamation)
//     └─────────────────┘ (nobody reads at all: the usual case)
using System.Runtime.CompilerServices;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Records;

/// <summary>The state word: bits 0–1 state, 2–7 pins, 8–12 API, 13–17 flags, 18–31 thread number.</summary>
[ChildCode]
internal static class RecordStateWord
{
    /// <summary>Bits of the state.</summary>
    public const uint StateMask = (1u << StateBits) - 1;

    private const int StateBits = 2;
    private const int PinShift = StateBits;
    private const int PinBits = 6;
    private const int ApiShift = PinShift + PinBits;
    private const int ApiBits = 5;
    private const int FlagsShift = ApiShift + ApiBits;
    private const int FlagsBits = 5;
    private const int ThreadShift = FlagsShift + FlagsBits;
    private const int ThreadBits = 14;
    private const uint OnePin = 1u << PinShift;
    private const uint PinMask = ((1u << PinBits) - 1) << PinShift;

    /// <summary>Pins one record can carry; beyond it a lookup says "not found" rather than overflow.</summary>
    public const int MaximumPins = (1 << PinBits) - 1;

    /// <summary>Largest thread number a record can name.</summary>
    public const int MaximumThreadNumber = (1 << ThreadBits) - 1;

    /// <summary>Largest API value and largest set of flags a record can hold.</summary>
    public const int MaximumApi = (1 << ApiBits) - 1, MaximumFlags = (1 << FlagsBits) - 1;

    /// <summary>The API the block came from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AllocationApi Api(uint word) => (AllocationApi)((word >> ApiShift) & MaximumApi);

    /// <summary>The block's flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static BlockFlags Flags(uint word) => (BlockFlags)((word >> FlagsShift) & MaximumFlags);

    /// <summary>Number of the thread that allocated.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Thread(uint word) => (ushort)(word >> ThreadShift);

    /// <summary>How many readers hold the record.</summary>
    public static int Pins(uint word) => (int)((word & PinMask) >> PinShift);

    /// <summary>The word of a live record that nobody holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Live(AllocationApi api, BlockFlags flags, ushort thread)
        => (uint)RecordState.Live | ((uint)api << ApiShift) | (((uint)flags & MaximumFlags) << FlagsShift)
            | ((uint)thread << ThreadShift);

    /// <summary>The word of a live record that nobody holds, by that of another record of the same thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LiveAs(uint other, AllocationApi api, BlockFlags flags)
        => other | ((uint)api << ApiShift) | ((uint)flags << FlagsShift);

    /// <summary>Empty → Live, as the last write of an insert.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Publish(ref uint word, AllocationApi api, BlockFlags flags, ushort thread)
        // Order: releases the record's fields; pairs with the frozen world's read of the word (which has every earlier
        // write of every thread) and with TryPin. Without it a snapshot could see a live record half written.
        => Volatile.Write(ref word, Live(api, flags, thread));

    /// <summary>As the other, with the four bytes before the word, in one store.</summary>
    // Order: as in the other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Publish(ref ulong wordAndBefore, uint before, uint live)
        => Volatile.Write(ref wordAndBefore, before | ((ulong)live << (8 * sizeof(uint))));

    /// <summary>Whether a live record is as most are, by its last eight bytes: nobody holds it, nothing more is known of it
    /// than it holds, and its size is at most <paramref name="byteCount"/>, which fits into the record.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPlain(ulong sizeAndState, uint byteCount)
        => ((uint)(sizeAndState >> (8 * sizeof(uint))) & (PinMask | ((uint)BlockFlags.Annotated << FlagsShift))) == 0
            && PackedRecord.SizeOf((uint)sizeAndState) <= byteCount;

    /// <summary>
    /// Live → Retired. True when nobody holds the record, so that the caller must hand it to reclamation.
    /// </summary>
    /// <remarks>Pre: the caller won the record by exchanging its index out of the address index.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Retire(ref uint word)
    {
        // Order: one interlocked add (Live + 1 = Retired); pairs with Unpin: whichever comes second sees both facts.
        uint after = Interlocked.Add(ref word, (uint)RecordState.Retired - (uint)RecordState.Live);
        return (after & PinMask) == 0;
    }

    /// <summary>Live → Empty at once. False when somebody holds the record: then it must be retired.</summary>
    /// <remarks>Pre: as for <see cref="Retire"/>, and no reader is announced (EpochDomain.IsQuiet).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRecycle(ref uint word)
    {
        // Order: a plain read suffices: without an announced reader no pin can be added, and pins that outlived their
        // guard are seen, since they were added before that guard was counted out. The write needs no
        // order towards what came before; what comes after it is the caller's business.
        if ((word & PinMask) != 0)
        {
            return false;
        }

        word = (uint)RecordState.Empty;
        return true;
    }

    /// <summary>Adds a pin if the record is live (kmemleak's get_object: increment if not zero).</summary>
    public static bool TryPin(ref uint word)
    {
        while (true)
        {
            // Order: only the start of the loop; the compare-exchange decides.
            uint seen = Volatile.Read(ref word);
            if ((seen & StateMask) != (uint)RecordState.Live || (seen & PinMask) == PinMask)
            {
                return false;
            }

            // Order: a full fence before the record's fields are read; pairs with Publish and Retire.
            if (Interlocked.CompareExchange(ref word, seen + OnePin, seen) == seen)
            {
                return true;
            }
        }
    }

    /// <summary>
    /// Drops a pin. True when it was the last one of a retired record: the caller must hand it to reclamation.
    /// </summary>
    public static bool Unpin(ref uint word)
    {
        // Order: one interlocked subtraction; releases the reads made under the pin; pairs with Retire.
        uint after = Interlocked.Add(ref word, unchecked(0u - OnePin));
        return (after & (StateMask | PinMask)) == (uint)RecordState.Retired;
    }

    /// <summary>Live → Live with other flags (hints). False when the record is not live any more.</summary>
    /// <remarks>Pre: the caller holds a pin, so that the record stays this block's.</remarks>
    public static bool TryChangeFlags(ref uint word, BlockFlags add, BlockFlags remove)
    {
        while (true)
        {
            // Order: only the start of the loop; the compare-exchange decides.
            uint seen = Volatile.Read(ref word);
            if ((seen & StateMask) != (uint)RecordState.Live)
            {
                return false;
            }

            uint changed = (seen & ~((uint)remove << FlagsShift)) | ((uint)add << FlagsShift);
            // Order: a full fence before the caller looks whether the block is still there; pairs with Unlink: a free
            // that this look does not see reads the flags after they were changed.
            if (Interlocked.CompareExchange(ref word, changed, seen) == seen)
            {
                return true;
            }
        }
    }

    /// <summary>
    /// Retired → Empty. Pre: no pin, and no guard that could still look at the word; under the queue's lock.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reclaim(ref uint word)
        // Order: a plain aligned store; the next user is ordered by the queue's lock.
        => word = (uint)RecordState.Empty;
}
