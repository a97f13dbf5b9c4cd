// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NativeMemory's members, served by the C heap directly and recorded.
// Who calls it: TrackedMemory and TrackedMarshal while recording.
// The one idea: the same arithmetic and the same failures as the originals (proven by a differential test), but past
// the exports that the runtime hook patches, so that no block is recorded twice.
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Recorded counterparts of NativeMemory. Pre: <see cref="AllocationRecorder.IsRecording"/>.</summary>
/// <remarks>
/// No method here is inlined: <see cref="StackWalker.Caller"/> must find the frame of the method that calls it. A size
/// of 0 is asked of the C heap as 1 byte, as the originals do, and recorded as that. A site is one of
/// <see cref="CallSites"/>; 0: it is looked for on the stack.
/// </remarks>
[SkipLocalsInit]
internal static unsafe class RecordedMemory
{
    /// <summary>NativeMemory.Alloc(byteCount).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount, AllocationApi api)
    {
        nuint asked = byteCount != 0 ? byteCount : 1;
        nuint here;
        FrameAndSlot own = MachineCode.FrameAndSlot();
        // Safety: this method's own frame: the caller's frame pointer, and where it goes on.
        nuint* frame = (nuint*)own.FramePointer;
        ThreadBlock* thread = (ThreadBlock*)own.Slot;
        bool isOwn = StackWalker.IsOwnFrame((nuint)frame, (nuint)(&here));
        uint site = isOwn && thread != null
            ? AllocationRecorder.Recall(thread, frame[0], frame[1], (nuint)(frame + 2)) : 0;
        void* block = CHeap.Malloc(asked);
        uint* slot = RecordTable.Approach((nuint)block);
        if (block == null || FreeGate.IsPoisoning || !isOwn)
        {
            return EndAlloc(block, asked, api, (nuint)frame, (nuint)(&here));
        }

        if (site == 0 || !AllocationRecorder.TryRecord(thread, site, slot, (nuint)block, asked, api, BlockFlags.None))
        {
            AllocationRecorder.OnAllocated(thread, (nuint)block, asked, api, BlockFlags.None,
                frame[0], frame[1], (nuint)(frame + 2));
        }

        return block;
    }

    /// <summary>As the other, for a call whose site the compiler told; 0: it is looked for on the stack.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AllocAt(nuint byteCount, AllocationApi api, uint site)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        return Alloc(byteCount, api, BlockFlags.None, in call);
    }

    // What is left to do where something is not as usual.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* EndAlloc(void* block, nuint byteCount, AllocationApi api, nuint frame, nuint here)
    {
        AllocationCall call = StackWalker.IsOwnFrame(frame, here)
            ? new AllocationCall(*(nuint*)frame, ((nuint*)frame)[1], frame + (2 * (nuint)sizeof(nuint)))
            : default;
        return End(block, byteCount, api, BlockFlags.None, in call);
    }

    /// <summary>malloc, recorded for a caller whose frame is already known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Alloc(nuint byteCount, AllocationApi api, BlockFlags flags, in AllocationCall call)
    {
        nuint asked = byteCount != 0 ? byteCount : 1;
        return End(CHeap.Malloc(asked), asked, api, flags, in call);
    }

    private static void* End(void* block, nuint asked, AllocationApi api, BlockFlags flags, in AllocationCall call)
    {
        if (block == null)
        {
            block = HeapRetries.Malloc(asked);
            if (block == null)
            {
                ThrowOutOfMemory();
            }
        }

        if (FreeGate.IsPoisoning)
        {
            PoisonPattern.FillAllocated(block, asked);
        }

        AllocationRecorder.OnAllocated((nuint)block, asked, api, flags, in call);
        return block;
    }

    /// <summary>NativeMemory.Alloc(elementCount, elementSize).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint elementCount, nuint elementSize, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        // An overflow asks for more than any heap has, and fails as the original does.
        nuint byteCount = Math.BigMul(elementCount, elementSize, out ulong low) == 0 ? (nuint)low : nuint.MaxValue;
        return Alloc(byteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, in call);
    }

    /// <summary>NativeMemory.AllocZeroed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AllocZeroed(nuint elementCount, nuint elementSize, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        bool isEmpty = elementCount == 0 || elementSize == 0;
        void* block = isEmpty ? CHeap.Malloc(1) : CHeap.Calloc(elementCount, elementSize);
        if (block == null)
        {
            block = HeapRetries.Calloc(elementCount, elementSize);
            if (block == null)
            {
                ThrowOutOfMemory();
            }
        }

        // The product cannot overflow: calloc would have failed.
        AllocationRecorder.OnAllocated((nuint)block, isEmpty ? 1 : elementCount * elementSize,
            AllocationApi.NativeMemoryAllocZeroed, BlockFlags.None, in call);
        return block;
    }

    /// <summary>NativeMemory.Realloc.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Realloc(void* ptr, nuint byteCount, AllocationApi api, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        nuint asked = byteCount != 0 ? byteCount : 1;
        FreeingApi freeApi = api switch
        {
            AllocationApi.MarshalReAllocHGlobal => FreeingApi.MarshalReAllocHGlobal,
            AllocationApi.MarshalReAllocCoTaskMem => FreeingApi.MarshalReAllocCoTaskMem,
            _ => FreeingApi.NativeMemoryRealloc,
        };
        HeldRealloc held = HeldRealloc.Begin(ptr, freeApi, in call);
        void* block = held.Run(ptr, asked);
        held.End(ptr, block, asked, api, in call);
        if (block == null)
        {
            ThrowOutOfMemory();
        }

        return block;
    }

    /// <summary>The freeing members: NativeMemory.Free, Marshal.FreeHGlobal, …</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* ptr, FreeingApi api)
    {
        if (ptr == null)
        {
            return;
        }

        // What the processor must wait for longest, before everything else.
        uint* slot = FreeGate.Approach((nuint)ptr);
        nuint here;
        FrameAndSlot own = MachineCode.FrameAndSlot();
        // Safety: as in Alloc.
        nuint* frame = (nuint*)own.FramePointer;
        if (!StackWalker.IsOwnFrame((nuint)frame, (nuint)(&here)))
        {
            FreeOtherwise(ptr, api, null, 0, 0, 0);
            return;
        }

        ThreadBlock* thread = (ThreadBlock*)own.Slot;
        if (thread == null || !FreeGate.TryFree(thread, slot, (nuint)ptr, api, frame[0], frame[1]))
        {
            FreeOtherwise(ptr, api, thread, frame[0], frame[1], (nuint)(frame + 2));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeOtherwise(
        void* ptr, FreeingApi api, ThreadBlock* thread, nuint framePointer, nuint returnAddress, nuint stackPointer)
    {
        AllocationCall call = new(framePointer, returnAddress, stackPointer);
        FreeTicket ticket = default;
        FreeGate.Enter((nuint)ptr, api, in call, ref ticket);
        if (!ticket.IsWithheld)
        {
            Release(ptr, in ticket);
        }

        FreeGate.Prepare(thread != null ? thread : ThreadBlocks.Find(), in call);
    }

    /// <summary>NativeMemory.AlignedAlloc.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AlignedAlloc(nuint byteCount, nuint alignment, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        if (!BitOperations.IsPow2(alignment))
        {
            // Only to throw the original's exception, message included.
            return NativeMemory.AlignedAlloc(byteCount, alignment);
        }

        void* block = AllocateAligned(byteCount, alignment, out nuint asked);
        if (block == null)
        {
            ThrowOutOfMemory();
        }

        AllocationRecorder.OnAllocated((nuint)block, asked, AllocationApi.NativeMemoryAlignedAlloc, BlockFlags.Aligned,
            in call);
        return block;
    }

    /// <summary>NativeMemory.AlignedRealloc: a new block, the smaller size copied, the old block freed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AlignedRealloc(void* ptr, nuint byteCount, nuint alignment, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        if (!BitOperations.IsPow2(alignment))
        {
            return NativeMemory.AlignedRealloc(ptr, byteCount, alignment);
        }

        void* block = AllocateAligned(byteCount, alignment, out nuint asked);
        if (block == null)
        {
            // The old block is untouched, and so is its record.
            ThrowOutOfMemory();
        }

        AllocationRecorder.OnAllocated((nuint)block, asked, AllocationApi.NativeMemoryAlignedRealloc, BlockFlags.Aligned,
            in call);
        if (ptr != null)
        {
            FreeTicket ticket = default;
            FreeGate.Enter(
                (nuint)ptr, FreeingApi.NativeMemoryAlignedRealloc, in call, ref ticket);
            if (!ticket.IsWithheld)
            {
                // Safety: both blocks have at least the bytes copied: the C heap says so of the old one.
                NativeMemory.Copy(ptr, block, Math.Min(asked, CHeap.UsableSize(ptr)));
                Release(ptr, in ticket);
            }
        }

        return block;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Release(void* ptr, in FreeTicket ticket)
    {
        if (!FreeGate.IsHolding || !FreeGate.TryHold(ptr, in ticket))
        {
            FreeGate.Pass(in ticket, (nuint)ptr);
            CHeap.Free(ptr, ticket.ByteCount);
        }

        FreeGate.Leave(in ticket);
    }

    // The exception is part of the contract: the originals throw it.
#pragma warning disable CA2201
    [DoesNotReturn]
    private static void ThrowOutOfMemory() => throw new OutOfMemoryException();
#pragma warning restore CA2201

    // C wants a multiple of the alignment, POSIX an alignment of at least a pointer. A sum that wraps is smaller than
    // what was asked for, and fails.
    private static void* AllocateAligned(nuint byteCount, nuint alignment, out nuint asked)
    {
        alignment = Math.Max(alignment, (nuint)sizeof(void*));
        asked = byteCount != 0 ? unchecked(byteCount + (alignment - 1)) & ~(alignment - 1) : alignment;
        if (asked < byteCount)
        {
            return null;
        }

        void* block = CHeap.AlignedAlloc(alignment, asked);
        block = block != null ? block : HeapRetries.AlignedAlloc(alignment, asked);
        if (block != null && FreeGate.IsPoisoning)
        {
            PoisonPattern.FillAllocated(block, asked);
        }

        return block;
    }
}
