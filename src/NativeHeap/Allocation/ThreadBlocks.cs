// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where each thread's ThreadBlock is.
// Who calls it: AllocationRecorder and FreeGate when the thread's slot is empty.
// The one idea: the slot (ThreadSlot) is only the short way to a block; the thread static says the same, and serves where
// there is no slot, or when the C library has cleared it because the thread is ending.
// Safety: as in ThreadBlock.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>The blocks of all threads. No lock, no GC memory.</summary>
internal static unsafe class ThreadBlocks
{
    private static ThreadBlock* s_blocks;

    /// <summary>Reserves one for every thread number. False when the system refuses: then there are none. Idempotent, cold.</summary>
    public static bool Initialize()
    {
        if (s_blocks == null)
        {
            nuint page = Platform.Pages.PageByteCount;
            nuint byteCount = (((nuint)ThreadNumberTable.MaximumCount + 1) * ThreadBlock.ByteCount + page - 1) & ~(page - 1);
            nuint address = Platform.Pages.Reserve(byteCount);
            if (address != 0 && !Platform.Pages.Commit(address, byteCount))
            {
                Platform.Pages.Release(address, byteCount);
                address = 0;
            }

            s_blocks = (ThreadBlock*)address;
        }

        return s_blocks != null;
    }

    /// <summary>The calling thread's block, which is in its slot from now on; null when it has none (yet): then everything takes
    /// the general way.</summary>
    // Inside a hook: no GC memory.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ThreadBlock* Find()
    {
        ThreadBlock* block = (ThreadBlock*)ThreadState.Block;
        if (block == null)
        {
            block = Attach();
        }

        if (block != null)
        {
            ThreadSlot.TrySet((nuint)block);
        }

        return block;
    }

    // A thread gets its number in the general way, at its first allocation or free; from the second on it has a block.
    private static ThreadBlock* Attach()
    {
        ushort number = ThreadState.Number;
        if (number == 0 || s_blocks == null || !RecordTable.TryOpenStripe(number, out RecordStripe* stripe))
        {
            return null;
        }

        ThreadBlock* block = s_blocks + number;
        // What an ended thread of the same number left.
        *block = default;
        block->Live = RecordStateWord.Live(AllocationApi.Unknown, BlockFlags.None, number);
        block->Scope = ThreadState.Scope;
        block->StackEnd = StackWalker.StackEnd;
        block->Stripe = stripe;
        block->Memo = WalkMemo.Of(number);
        if (block->Memo == null)
        {
            return null;
        }

        WalkMemo.Clear(block->Memo);
        ThreadState.Block = (nuint)block;
        return block;
    }
}
