// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the C# functions that stand in for the runtime's seven heap exports.
// Who calls it: the entry stubs (MachineCode.Interception), on any thread of the process, in the middle of any P/Invoke.
// The one idea: the C heap does exactly what it would have done without us, with the same result and the same errno; what
// we add can be lost but can never change that. A block is recorded after it was born and unrecorded before it dies, so
// an address is never in the table while another thread could be handed it.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Interception;

/// <summary>Entry points for native code. Not to be called from C#.</summary>
/// <remarks>
/// An exception that leaves such a function ends the process; hence every call into the recorder is inside a catch-all.
/// The calls of the C heap stay outside of it: the just-in-time compiler inlines them only there.
/// A large block is allocated and freed through a GC transition (see <see cref="CHeap"/>): no collection waits for mmap.
/// Malloc and Realloc end many APIs: there the API stays unknown and the stack of the site tells. The others end one; it
/// is the report's fallback where the stack does not tell (a user's own P/Invoke, everything inlined).
/// <c>framePointer</c> and <c>returnAddress</c> are the managed caller's, as the entry stub found them.
/// </remarks>
internal static unsafe class HookBodies
{
    private const int OutOfMemory = 12; // ENOMEM

    // Plain static fields: no class constructor ever runs inside a hook.
    private static long s_failures;
    private static delegate* unmanaged[SuppressGCTransition]<int*> s_errorLocation;

    /// <summary>How often the recorder failed and an event was lost.</summary>
    // Order: none; a counter for diagnostics, as are the increments below.
    public static long Failures => Volatile.Read(ref s_failures);

    /// <summary>Finds errno; called once, before any body runs.</summary>
    /// <exception cref="EntryPointNotFoundException">The C library has no <c>__errno_location</c>.</exception>
    public static void Initialize()
    {
        CHeap.Initialize();
        // Safety: errno.h (glibc 2.36) declares int* __errno_location(void); it returns at once.
        s_errorLocation = (delegate* unmanaged[SuppressGCTransition]<int*>)NativeLibrary.GetExport(
            NativeLibrary.GetMainProgramHandle(), "__errno_location");
    }

    /// <summary>SystemNative_Malloc.</summary>
    [UnmanagedCallersOnly]
    public static void* Malloc(nuint byteCount, nuint framePointer, nuint returnAddress)
    {
        void* block = CHeap.Malloc(byteCount);
        if (block == null)
        {
            block = HeapRetries.Malloc(byteCount);
            if (block == null)
            {
                return Failed();
            }
        }

        if (FreeGate.IsPoisoning)
        {
            PoisonPattern.FillAllocated(block, byteCount);
        }

        return Record(block, byteCount, AllocationApi.Unknown, BlockFlags.None, framePointer, returnAddress);
    }

    /// <summary>The end of a malloc that machine code began.</summary>
    /// <param name="block">The block.</param>
    /// <param name="byteCount">Its size.</param>
    /// <param name="entry">Its record, live and without a place; 0: it has none.</param>
    /// <param name="framePointer">As for the others.</param>
    /// <param name="returnAddress">As for the others.</param>
    [UnmanagedCallersOnly]
    public static void* FinishMalloc(void* block, nuint byteCount, uint entry, nuint framePointer, nuint returnAddress)
        => entry == 0
            ? Record(block, byteCount, AllocationApi.Unknown, BlockFlags.None, framePointer, returnAddress)
            : Link(block, byteCount, entry);

    /// <summary>The end of a free that machine code began: announced, its record out of its slot.</summary>
    [UnmanagedCallersOnly]
    public static void FinishFree(void* block, uint entry, uint freeSite)
    {
        FreeTicket ticket = default;
        UnrecordTaken(block, entry, freeSite, ref ticket);
        Release(block, in ticket);
    }

    /// <summary>SystemNative_Calloc.</summary>
    [UnmanagedCallersOnly]
    public static void* Calloc(nuint count, nuint elementByteCount, nuint framePointer, nuint returnAddress)
    {
        nuint byteCount = unchecked(count * elementByteCount); // an overflow makes calloc fail, and is not used then
        void* block = CHeap.Calloc(count, elementByteCount);
        if (block == null)
        {
            block = HeapRetries.Calloc(count, elementByteCount);
            if (block == null)
            {
                return Failed();
            }
        }

        return Record(block, byteCount, AllocationApi.NativeMemoryAllocZeroed, BlockFlags.None, framePointer, returnAddress);
    }

    /// <summary>SystemNative_Realloc.</summary>
    [UnmanagedCallersOnly]
    public static void* Realloc(void* old, nuint byteCount, nuint framePointer, nuint returnAddress)
    {
        AllocationCall call = new(framePointer, returnAddress, 0);
        HeldRealloc held = TakeRecord(old, in call);
        void* block = held.Run(old, byteCount);
        ReturnRecord(ref held, old, block, byteCount, in call);
        return block == null && byteCount != 0 ? Failed() : block;
    }

    /// <summary>SystemNative_Free; in the slot tier SystemNative_AlignedFree too.</summary>
    [UnmanagedCallersOnly]
    public static void Free(void* block, nuint framePointer, nuint returnAddress)
    {
        if (block != null)
        {
            Release(block, FreeingApi.Unknown, new AllocationCall(framePointer, returnAddress, 0));
        }
    }

    /// <summary>SystemNative_AlignedFree: the same function of the C heap, but one API only.</summary>
    [UnmanagedCallersOnly]
    public static void AlignedFree(void* block, nuint framePointer, nuint returnAddress)
    {
        if (block != null)
        {
            Release(block, FreeingApi.NativeMemoryAlignedFree, new AllocationCall(framePointer, returnAddress, 0));
        }
    }

    /// <summary>SystemNative_AlignedAlloc.</summary>
    [UnmanagedCallersOnly]
    public static void* AlignedAlloc(nuint alignment, nuint byteCount, nuint framePointer, nuint returnAddress)
    {
        void* block = AllocateAligned(alignment, byteCount);
        return block == null ? null : Record(
            block, byteCount, AllocationApi.NativeMemoryAlignedAlloc, BlockFlags.Aligned, framePointer, returnAddress);
    }

    /// <summary>SystemNative_AlignedRealloc: allocate, copy what fits, free; as the original does, and in its order.</summary>
    [UnmanagedCallersOnly]
    public static void* AlignedRealloc(
        void* old, nuint alignment, nuint byteCount, nuint framePointer, nuint returnAddress)
    {
        void* block = AllocateAligned(alignment, byteCount);
        if (block == null)
        {
            return null; // the old block lives on
        }

        Record(block, byteCount, AllocationApi.NativeMemoryAlignedRealloc, BlockFlags.Aligned, framePointer, returnAddress);
        if (old != null)
        {
            AllocationCall call = new(framePointer, returnAddress, 0);
            FreeTicket ticket = default;
            Unrecord(old, FreeingApi.NativeMemoryAlignedRealloc, in call, ref ticket);
            if (!ticket.IsWithheld)
            {
                // Safety: both blocks are at least this long; they are distinct, so they do not overlap.
                NativeMemory.Copy(old, block, Math.Min(CHeap.UsableSize(old), byteCount));
                Release(old, in ticket);
            }
        }

        return block;
    }

    private static void* AllocateAligned(nuint alignment, nuint byteCount)
    {
        void* block = CHeap.AlignedAlloc(alignment, byteCount);
        block = block != null ? block : HeapRetries.AlignedAlloc(alignment, byteCount);
        if (block != null && FreeGate.IsPoisoning)
        {
            PoisonPattern.FillAllocated(block, byteCount);
        }

        return block;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Release(void* block, FreeingApi api, in AllocationCall call)
    {
        FreeTicket ticket = default;
        Unrecord(block, api, in call, ref ticket);
        if (!ticket.IsWithheld)
        {
            Release(block, in ticket);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Release(void* block, in FreeTicket ticket)
    {
        if (!FreeGate.IsHolding || !Hold(block, in ticket))
        {
            FreeGate.Pass(in ticket, (nuint)block);
            CHeap.Free(block, ticket.ByteCount);
        }

        FreeGate.Leave(in ticket);
    }

    // A transition may have passed a garbage collection since the C heap set it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Failed()
    {
        *s_errorLocation() = OutOfMemory;
        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Record(
        void* block, nuint byteCount, AllocationApi api, BlockFlags flags, nuint framePointer, nuint returnAddress)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        try
        {
            if (!AllocationRecorder.IsRecording)
            {
                return block; // what is asked below may not be there
            }

            uint* slot = RecordTable.Approach((nuint)block);
            ThreadBlock* thread = (ThreadBlock*)MachineCode.FrameAndSlot().Slot;
            if (!AllocationRecorder.TryRecord(
                thread, slot, (nuint)block, byteCount, api, flags, framePointer, returnAddress, 0))
            {
                AllocationRecorder.OnAllocated(thread, (nuint)block, byteCount, api, flags, framePointer, returnAddress, 0);
            }
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // the block is the caller's; only our knowledge of it is lost
        }

        *errorNumber = kept;
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Link(void* block, nuint byteCount, uint entry)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        try
        {
            if (!RecordTable.Store!.EndInsertion(entry, (nuint)block, byteCount))
            {
                AllocationRecorder.EndIfFull();
            }
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // as in Record
        }

        *errorNumber = kept;
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UnrecordTaken(void* block, uint entry, uint freeSite, ref FreeTicket ticket)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        ticket.ByteCount = nuint.MaxValue;
        try
        {
            FreeGate.EnterTaken(RecentFrees.Current, entry, (nuint)block, FreeingApi.Unknown, freeSite, ref ticket);
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // the block must be freed all the same
        }

        *errorNumber = kept;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Unrecord(void* block, FreeingApi api, in AllocationCall call, ref FreeTicket ticket)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        ticket.ByteCount = nuint.MaxValue;
        try
        {
            FreeGate.Enter((nuint)block, api, in call, ref ticket);
            if (api == FreeingApi.Unknown && AllocationRecorder.IsRecording)
            {
                // The next one from here takes the short way.
                nuint slot = MachineCode.FrameAndSlot().Slot;
                FreeGate.Prepare(slot != 0 ? (ThreadBlock*)slot : ThreadBlocks.Find(), in call);
            }
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // the block must be freed all the same
        }

        *errorNumber = kept;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Hold(void* block, in FreeTicket ticket)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        bool isHeld = false;
        try
        {
            isHeld = FreeGate.TryHold(block, in ticket);
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // nothing that throws comes after a block is held: it is freed
        }

        *errorNumber = kept;
        return isHeld;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HeldRealloc TakeRecord(void* old, in AllocationCall call)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        HeldRealloc held = default;
        try
        {
            held = HeldRealloc.Begin(old, FreeingApi.UnknownRealloc, in call);
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // the reallocation goes on without us
        }

        *errorNumber = kept;
        return held;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReturnRecord(
        ref HeldRealloc held, void* old, void* block, nuint byteCount, in AllocationCall call)
    {
        int* errorNumber = s_errorLocation();
        int kept = *errorNumber;
        try
        {
            held.End(old, block, byteCount, AllocationApi.NativeMemoryRealloc, in call);
        }
        catch (Exception)
        {
            // Order: none; a counter.
            Interlocked.Increment(ref s_failures); // the result of realloc is what counts for the caller
        }

        *errorNumber = kept;
    }
}
