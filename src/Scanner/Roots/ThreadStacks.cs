// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which part of a mapping is the live part of a thread's stack, and which mappings are stacks nobody uses.
// Who calls it: RootScan, for each writable mapping.
// The one idea: a live thread's stack ends (downwards) at its stack pointer; an exited thread's stack stays mapped in
// glibc's cache with its thread control block at the top, whose thread id the kernel cleared. Both hold stale pointers.
// Safety: control blocks are read inside readable mappings only.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Knowledge about thread stacks in the frozen process.</summary>
[ChildCode]
internal static unsafe class ThreadStacks
{
    /// <summary>Bytes below the stack pointer that leaf functions may use (System V x86-64 ABI, the red zone).</summary>
    private const nuint RedZoneByteCount = 128;

    // Where glibc keeps things in its thread control block is private to it, so it is learned from the live threads:
    // the distance from the block to the end of its mapping, and the offset of the thread id.
    private const nuint MaximumTopByteCount = 65536;
    private const nuint FirstThreadIdOffset = 0x80, LastThreadIdOffset = 0x800;
    private const nuint SelfPointerOffset = 16;

    /// <summary>Thread-local data below a control block: more than the libraries of a .NET process have together.</summary>
    private const nuint ThreadLocalByteCount = 16384;

    /// <summary>
    /// Moves <paramref name="start"/> up over the part of the mapping that no thread uses any more.
    /// </summary>
    /// <returns>Whether the mapping is (part of) the stack of a live thread.</returns>
    [MethodImpl(ChildCode.Options)]
    public static bool Trim(ChildState* state, int mappingIndex, ref nuint start)
    {
        Mapping* mapping = state->Mappings + mappingIndex;
        ParkedThread* owner = null;
        int owners = 0;
        bool anyThread = false;
        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            ParkedThread* thread = state->View->Threads + i;
            bool block = Inside(mapping, thread->ThreadControlBlock);
            bool pointer = Inside(mapping, thread->StackPointer);
            anyThread |= block || pointer;
            if (pointer)
            {
                owner = thread;
                owners++;
            }
        }

        if (!anyThread)
        {
            nuint dead = DeadStackByteCount(state, mappingIndex);
            if (dead != 0)
            {
                state->Context->Counters->DeadStackBytes += (long)dead;
                start += dead;
            }

            return false;
        }

        // Cut below the stack pointer only where the mapping surely is the thread's own stack: its control block lies
        // above in the same mapping (or it is the main thread's), it is alone there, and its registers are exact. A fiber
        // or an alternate signal stack is left whole.
        bool exact = owners == 1
            && owner->State is ThreadParkState.Parked or ThreadParkState.Asleep or ThreadParkState.Controller;
        bool own = exact && (mapping->Kind == MappingKind.Stack
            || (owner->ThreadControlBlock > owner->StackPointer && Inside(mapping, owner->ThreadControlBlock)));
        if (own)
        {
            ExitFrames* way = state->Context->ExitFrames;
            nuint live = (owner->StackPointer - RedZoneByteCount) & ~(nuint)7;
            live = way != null && way->ThreadId == owner->ThreadId && way->LiveStackPointer > live ? way->LiveStackPointer : live;
            if (live > start)
            {
                state->Context->Counters->DeadStackBytes += (long)(live - start);
                start = live;
            }

            if (owner->State == ThreadParkState.Controller && owner->ThreadControlBlock > start)
            {
                // The scanner's own frames and thread-local data hold nothing of the application, but may lie where an
                // exited thread's frames lay.
                start = owner->ThreadControlBlock;
            }
        }

        return true;
    }

    /// <summary>
    /// Moves <paramref name="start"/> up over the frames of the thread whose stack this is (stack=off). Its thread-local data,
    /// which lies above, stays, and with it some of the outermost frames.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static void SkipFrames(ChildState* state, int mappingIndex, ref nuint start)
    {
        Mapping* mapping = state->Mappings + mappingIndex;
        if (mapping->Kind == MappingKind.Stack)
        {
            start = mapping->End;
            return;
        }

        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            nuint block = (state->View->Threads + i)->ThreadControlBlock;
            if (Inside(mapping, block) && Inside(mapping, (state->View->Threads + i)->StackPointer) && block - ThreadLocalByteCount > start)
            {
                start = block - ThreadLocalByteCount;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Inside(Mapping* mapping, nuint address) => address != 0 && address - mapping->Start < mapping->End - mapping->Start;

    // Bytes of a mapping that are the stack of an exited thread, 0 when it is none.
    [MethodImpl(ChildCode.Options)]
    private static nuint DeadStackByteCount(ChildState* state, int mappingIndex)
    {
        Mapping* mapping = state->Mappings + mappingIndex;
        if (mapping->Kind != MappingKind.Anonymous || mappingIndex == 0)
        {
            return 0;
        }

        // glibc puts an inaccessible guard right below every stack it makes.
        Mapping* guard = mapping - 1;
        if (guard->End != mapping->Start || (guard->Access & (MappingAccess.Read | MappingAccess.Write)) != 0)
        {
            return 0;
        }

        if (state->StackTopByteCount == 0 || mapping->End - mapping->Start <= state->StackTopByteCount)
        {
            return 0;
        }

        nuint block = mapping->End - state->StackTopByteCount;
        bool looksLikeBlock = Peek.Word(state, block) == block && Peek.Word(state, block + SelfPointerOffset) == block;
        return looksLikeBlock && (int)Peek.Half(state, block + state->ThreadIdOffset) <= 0 ? mapping->End - mapping->Start : 0;
    }

    /// <summary>
    /// Learns where glibc keeps a control block and its thread id. Two live threads must agree on both; with fewer, nothing
    /// is known and no stack is called dead. Once per scan, before <see cref="Trim"/>.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static void Learn(ChildState* state)
    {
        nuint topByteCount = 0, threadIdOffset = 0;
        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            ParkedThread* thread = state->View->Threads + i;
            nuint block = thread->ThreadControlBlock;
            Mapping* mapping = block == 0 ? null : Extents.MappingOf(state, block);
            if (mapping == null || thread->ThreadId == 0 || !Extents.Contains(&state->Readable, block, LastThreadIdOffset))
            {
                continue;
            }

            nuint top = mapping->End - block;
            nuint offset = top > MaximumTopByteCount ? 0 : FindThreadId(state, block, thread->ThreadId);
            if (offset == 0)
            {
                continue;
            }

            if (topByteCount == top && threadIdOffset == offset)
            {
                state->StackTopByteCount = top;
                state->ThreadIdOffset = offset;
                return;
            }

            topByteCount = top;
            threadIdOffset = offset;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static nuint FindThreadId(ChildState* state, nuint block, int threadId)
    {
        for (nuint offset = FirstThreadIdOffset; offset < LastThreadIdOffset; offset += 4)
        {
            if ((int)Peek.Half(state, block + offset) == threadId)
            {
                return offset;
            }
        }

        return 0;
    }
}
