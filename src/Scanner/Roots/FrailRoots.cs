// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: root memory whose words are of doubtful worth: they may be left over from something dead.
// Who calls it: RootScan sets such memory aside and reads it last; FreeChunks for chunks that look free.
// The one idea: what only such words hold counts as reachable, since a mistake must not invent a leak, but is counted
// apart. Good roots are followed to the end first, so the count does not depend on the order of memory.
// Safety: the list has Capacity entries; what finds no room in it is read as a good root. Stacks are read where the list of
// mappings says that they are readable.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Weak evidence: read last, counted apart.</summary>
[ChildCode]
internal static unsafe class FrailRoots
{
    private const int Capacity = 1 << 16;

    // A frame with a frame pointer keeps its caller's registers right below where it saved that pointer: five at most.
    private const nuint SavedRegisterByteCount = 5 * 8;
    private const nuint RedZoneByteCount = 128;

    // Native frames below managed code are a few kilobytes; what is larger is no wait of the runtime's.
    private const nuint LongestZoneByteCount = 64 << 10;
    private const int InstructionPointerRegister = 16;

    private const nuint SmallestSlabByteCount = 64 << 10;

    // The largest size of glibc's fast lists, and where a chunk's link and size stand before and at what malloc returned.
    private const nuint LargestFastChunkByteCount = 160, HeaderByteCount = 16, FlagMask = 7;

    /// <summary>Sets a range aside; false when there is no room: the caller reads it as a good root.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool TryAdd(ChildState* state, nuint start, nuint end)
    {
        ExtentList* frail = &state->Frail;
        if (frail->Items == null)
        {
            frail->Items = (MemoryRange*)ChildArena.Allocate((nuint)Capacity * (nuint)sizeof(MemoryRange));
        }

        if (frail->Items == null || frail->Count == Capacity)
        {
            return false;
        }

        frail->Items[frail->Count++] = new MemoryRange(start, end);
        return true;
    }

    /// <summary>Reads all that was set aside, after the good roots: what only it reaches is marked Frail.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(ChildState* state)
    {
        state->Level = MarkLevel.Frail;
        for (int i = 0; i < state->Frail.Count; i++)
        {
            MemoryRange range = state->Frail.Items[i];
            state->Context->Counters->Held.FrailRootBytes += (long)range.ByteCount;
            state->ObjectInteriorsCount = 1;
            RootScan.ScanWithoutOwn(state, range.Start, range.End);
            state->ObjectInteriorsCount = 0;
        }

        Marker.Drain(state);
        Verdicts.Heuristics.Follow(state);
    }

    /// <summary>Whether an address was set aside.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Contains(ChildState* state, nuint address)
    {
        return Extents.Find(&state->Frail, address) >= 0;
    }

    /// <summary>
    /// Reads or sets aside the doubtful part at the start of a mapping that threads run on, and moves
    /// <paramref name="start"/> behind it.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static void SplitStack(ChildState* state, int mappingIndex, ref nuint start)
    {
        Mapping* mapping = state->Mappings + mappingIndex;
        ParkedThread* lowest = null;
        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            ParkedThread* thread = state->View->Threads + i;
            bool isInside = thread->StackPointer - mapping->Start < mapping->End - mapping->Start;
            if (isInside && thread->State != ThreadParkState.Controller && (lowest == null || thread->StackPointer < lowest->StackPointer))
            {
                lowest = thread;
            }
        }

        if (lowest == null || lowest->StackPointer < start)
        {
            return;
        }

        // Below every stack pointer, yet not surely a dead part of that stack: a fiber's, or memory beside it.
        nuint live = (lowest->StackPointer - RedZoneByteCount) & ~(nuint)7;
        if (live > start && TryAdd(state, start, live))
        {
            start = live;
        }

        SplitZone(state, lowest, mapping->End, ref start);
    }

    // The innermost frames while they are the runtime's own: their holes show what lay there before. What they saved for
    // their callers is good.
    [MethodImpl(ChildCode.Options)]
    private static void SplitZone(ChildState* state, ParkedThread* thread, nuint stackEnd, ref nuint start)
    {
        if (thread->State != ThreadParkState.Parked || thread->Registers.ByteCount < (InstructionPointerRegister + 1) * 8
            || !Extents.Contains(&state->Readable, thread->Registers.Start, (InstructionPointerRegister + 1) * 8))
        {
            return;
        }

        nuint instruction = Peek.Word(state, thread->Registers.Start + (InstructionPointerRegister * 8));
        if (start > thread->StackPointer || !IsRuntime(state, instruction))
        {
            return;
        }

        nuint limit = stackEnd - thread->StackPointer < LongestZoneByteCount ? stackEnd : thread->StackPointer + LongestZoneByteCount;
        nuint end = (thread->StackPointer + 7) & ~(nuint)7;
        while (end < limit && (!MappingSearch.IsCode(state, Peek.Word(state, end)) || IsRuntime(state, Peek.Word(state, end))))
        {
            end += 8;
        }

        if (end >= limit)
        {
            return;
        }

        nuint from = start;
        for (nuint at = (start + 7) & ~(nuint)7; at < end; at += 8)
        {
            if (!IsFrame(state, at, stackEnd))
            {
                continue;
            }

            nuint saved = at - SavedRegisterByteCount > from ? at - SavedRegisterByteCount : from;
            if (saved > from && !TryAdd(state, from, saved))
            {
                break;
            }

            RootScan.ScanWithoutOwn(state, saved, at);
            from = at;
        }

        start = TryAdd(state, from, end) ? end : from;
    }

    // Where a function saved its caller's frame pointer: that points up the stack, and a return address is right above.
    [MethodImpl(ChildCode.Options)]
    private static bool IsFrame(ChildState* state, nuint at, nuint stackEnd)
    {
        nuint caller = Peek.Word(state, at);
        return caller > at && caller < stackEnd && (caller & 7) == 0 && MappingSearch.IsCode(state, Peek.Word(state, at + 8));
    }

    /// <summary>Whether what stands in a chunk of the C heap that looks used is of doubtful worth.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsDoubtful(ChildState* state, nuint chunk, nuint byteCount)
        => IsFastChunk(state, chunk, byteCount) || IsCompilerSlab(state, chunk, byteCount);

    // The just-in-time compiler works in slabs of 64 KiB and more, which it keeps for later with all they held; each has its own
    // size in its second word.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsCompilerSlab(ChildState* state, nuint chunk, nuint byteCount)
    {
        nuint size = byteCount < SmallestSlabByteCount ? 0 : Peek.Word(state, chunk + HeaderByteCount + 8);
        return size >= SmallestSlabByteCount && size < byteCount && byteCount - size <= HeaderByteCount + 8;
    }

    /// <summary>
    /// Whether a chunk of the C heap that looks used lies in one of glibc's fast lists: its first word is then the next
    /// chunk's address, or none, disguised by its own (glibc's safe linking). What is no such list hardly ever looks so.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static bool IsFastChunk(ChildState* state, nuint chunk, nuint byteCount)
    {
        if (byteCount > LargestFastChunkByteCount)
        {
            return false;
        }

        nuint link = Peek.Word(state, chunk + HeaderByteCount), disguise = (chunk + HeaderByteCount) >> 12;
        nuint next = link ^ disguise;
        if (next == 0)
        {
            return true;
        }

        // In this heap or in another of the same arena.
        return (next & 15) == 0 && Extents.Contains(&state->Readable, next, HeaderByteCount)
            && (Peek.Word(state, next + 8) & ~FlagMask) == byteCount;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool IsRuntime(ChildState* state, nuint address)
    {
        for (int i = 0; i < state->Context->RuntimeCodeCount; i++)
        {
            if (state->Context->RuntimeCode[i].Contains(address))
            {
                return true;
            }
        }

        return false;
    }
}
