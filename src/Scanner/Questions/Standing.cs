// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the place of any word in memory, and whether a pointer there keeps anything.
// Who calls it: the answers to questions.
// The one idea: the marks say what is reachable; what marking never read is dead.
// Safety: reads only what the list of mappings has as readable.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>Describes places that marking may not have seen.</summary>
[ChildCode]
internal static unsafe class Standing
{
    // A call instruction is 2 to 7 bytes; farther down than this a stack slot's method is not looked for.
    private const nuint LongestCallByteCount = 7, LongestFrameByteCount = 64 << 10;
    private const int InstructionPointerRegister = 16;

    /// <summary>Describes the place of a word at an address.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Describe(ChildState* state, nuint at, nuint word, HolderInfo* info)
    {
        HolderNote note;
        note.Address = at;
        note.Value = word;
        note.Object = EnclosingObject(state, at);
        HolderPlaces.Describe(state, &note, info);
        info->Standing = (byte)Of(state, at, note.Object, info->Kind);
        if (info->Kind == HolderKind.Stack)
        {
            info->Container = CodeOfSlot(state, at, info->ThreadId);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static nuint EnclosingObject(ChildState* state, nuint at)
    {
        ref readonly ManagedHeapLayout heap = ref state->Context->Managed;
        bool isTraced = state->Objects.Reached != null && at - heap.HeapStart < heap.HeapEnd - heap.HeapStart;
        return isTraced ? ObjectTracer.FindEnclosing(state, at) : 0;
    }

    [MethodImpl(ChildCode.Options)]
    private static HolderStanding Of(ChildState* state, nuint at, nuint o, HolderKind kind)
    {
        switch (kind)
        {
            case HolderKind.Object:
                return IsReached(state, o) ? HolderStanding.Counts : HolderStanding.Dead;
            case HolderKind.ManagedHeap:
                return state->Objects.Reached != null ? HolderStanding.Dead : HolderStanding.Counts;
            case HolderKind.Block:
                byte reach = state->Index.State[BlockIndex.Find(&state->Index, at)];
                return (reach & Reach.Stale) != 0 ? HolderStanding.Dead : (reach & Reach.Mask) switch
                {
                    Reach.Strong or Reach.Frail => HolderStanding.Counts,
                    Reach.Weak => HolderStanding.Possible,
                    _ => HolderStanding.Lost,
                };
            case HolderKind.Register or HolderKind.RegisteredRoot or HolderKind.Shared:
                return HolderStanding.Counts;
            default:
                return IsDead(state, at) ? HolderStanding.Dead : HolderStanding.Counts;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static bool IsReached(ChildState* state, nuint o)
    {
        nuint bit = (o - state->Context->Managed.HeapStart) >> 3;
        return (state->Objects.Reached[bit >> 6] & (1UL << (int)(bit & 63))) != 0;
    }

    // Below a stack pointer, on the stack of a thread that has ended, or in a free chunk of the C heap.
    [MethodImpl(ChildCode.Options)]
    private static bool IsDead(ChildState* state, nuint at)
    {
        int mapping = MappingSearch.Find(state, at);
        if (mapping < 0)
        {
            return false;
        }

        nuint live = state->Mappings[mapping].Start;
        bool isStack = ThreadStacks.Trim(state, mapping, ref live);
        return at < live || (!isStack && FreeChunks.HoldsFree(state, state->Mappings + mapping, at));
    }

    // The code whose frame a slot belongs to: where the call below it returns to; 0 when that is not known.
    [MethodImpl(ChildCode.Options)]
    private static nuint CodeOfSlot(ChildState* state, nuint at, int threadId)
    {
        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            ParkedThread* thread = state->View->Threads + i;
            if (thread->ThreadId != threadId || at < thread->StackPointer || at - thread->StackPointer > LongestFrameByteCount
                || !Extents.Contains(&state->Readable, thread->StackPointer, at - thread->StackPointer + 8))
            {
                continue;
            }

            for (nuint slot = (at & ~(nuint)7) - 8; slot >= thread->StackPointer; slot -= 8)
            {
                if (IsReturnAddress(state, Peek.Word(state, slot)))
                {
                    return Peek.Word(state, slot);
                }
            }

            bool hasRegisters = thread->State == ThreadParkState.Parked
                && Extents.Contains(&state->Readable, thread->Registers.Start, (InstructionPointerRegister + 1) * 8);
            return hasRegisters ? Peek.Word(state, thread->Registers.Start + (InstructionPointerRegister * 8)) : 0;
        }

        return 0;
    }

    // An address of code right behind a call: E8 with four bytes, or FF /2 with up to five.
    [MethodImpl(ChildCode.Options)]
    private static bool IsReturnAddress(ChildState* state, nuint address)
    {
        if (!MappingSearch.IsCode(state, address) || !Extents.Contains(&state->Readable, address - LongestCallByteCount, LongestCallByteCount))
        {
            return false;
        }

        if (Peek.Octet(state, address - 5) == 0xE8)
        {
            return true;
        }

        for (nuint length = 2; length <= LongestCallByteCount; length++)
        {
            if (Peek.Octet(state, address - length) == 0xFF && ((Peek.Octet(state, address - length + 1) >> 3) & 7) == 2)
            {
                return true;
            }
        }

        return false;
    }
}
