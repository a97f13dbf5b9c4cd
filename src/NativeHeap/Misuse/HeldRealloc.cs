// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a reallocation on its way through the C heap: a free and an allocation that may be one block.
// Who calls it: RecordedMemory (the explicit API) and the hook's realloc.
// The one idea: the old record is out while the C heap decides, and comes back unchanged if it fails. While blocks are
// held back or filled, a reallocation is a new block, a copy and a free, as in AddressSanitizer, so that stale pointers
// to the old block are noticed.
// Safety: copies stay within the sizes that the records and the C heap vouch for.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Begin, Run, End, on one thread.</summary>
internal unsafe struct HeldRealloc
{
    private FreeTicket _ticket;
    private BlockRecord _record;
    private bool _isReplaced;

    /// <summary>Takes the old block's record out, or judges; null and an unrecorded process are fine.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static HeldRealloc Begin(void* old, FreeingApi api, in AllocationCall call)
    {
        HeldRealloc held = default;
        if (old != null)
        {
            FreeGate.EnterRealloc((nuint)old, api, in call, out held._record, ref held._ticket);
            held._isReplaced = held._ticket.IsWithheld || (FreeGate.IsHolding && held._ticket.HasRecord);
        }

        return held;
    }

    /// <summary>The C heap's part: realloc, or what replaces it. Null: it failed, and the old block is untouched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void* Run(void* old, nuint byteCount)
    {
        if (_isReplaced)
        {
            return Replace(old, byteCount);
        }

        FreeGate.Pass(in _ticket, (nuint)old);
        void* block = CHeap.Realloc(old, byteCount);
        return block != null || byteCount == 0 || !Quarantine.Flush() ? block : CHeap.Realloc(old, byteCount);
    }

    /// <summary>Brings the records up to date.</summary>
    // Not inlined, as Begin: the hook's bodies are compiled at every start.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public readonly void End(void* old, void* block, nuint byteCount, AllocationApi api, in AllocationCall call)
    {
        bool hasFailed = block == null && byteCount != 0;
        if (hasFailed && _ticket.HasRecord)
        {
            RecordTable.Restore(in _record);
        }
        else if (!hasFailed && _ticket.HasRecord)
        {
            if ((_record.Flags & BlockFlags.Annotated) != 0)
            {
                BlockHints.OnFreed(_record.Address, _record.Ordinal, _record.Api);
            }

            if (_isReplaced)
            {
                FreeOld(old);
            }
            else if (block != old)
            {
                FreeGate.Remember(in _ticket, (nuint)old);
            }
        }

        if (block != null)
        {
            AllocationRecorder.OnAllocated((nuint)block, byteCount, api, BlockFlags.None, in call);
        }

        FreeGate.Leave(in _ticket);
    }

    // A withheld reallocation gets a fresh, zeroed block: of what it named there is nothing that could be copied safely.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void* Replace(void* old, nuint byteCount)
    {
        if (_ticket.IsWithheld)
        {
            return byteCount == 0 ? null : CHeap.Calloc(1, byteCount);
        }

        if (byteCount == 0)
        {
            return null;
        }

        void* block = CHeap.Malloc(byteCount);
        block = block != null || !Quarantine.Flush() ? block : CHeap.Malloc(byteCount);
        if (block != null)
        {
            nuint copied = Math.Min(_record.BlockByteCount, byteCount);
            NativeMemory.Copy(old, block, copied);
            if (FreeGate.IsPoisoning)
            {
                PoisonPattern.FillAllocated((byte*)block + copied, byteCount - copied);
            }
        }

        return block;
    }

    private readonly void FreeOld(void* old)
    {
        if (!FreeGate.TryHold(old, in _ticket))
        {
            FreeGate.Remember(in _ticket, (nuint)old);
            FreeGate.Pass(in _ticket, (nuint)old);
            CHeap.Free(old, _ticket.ByteCount);
        }
    }
}
