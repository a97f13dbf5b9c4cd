// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from the address of a word to the kind of place it stands in.
// Who calls it: the child, for each block that it remembers or reports, and for answers to questions.
// The one idea: only what the frozen process alone can tell is found out here (thread, object, parent block); names of
// modules, methods and types are found later, in the process itself.
// Safety: indices come from searches below the counts of their tables.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;

namespace NativeLeak.Verdicts;

/// <summary>Describes holders in the child.</summary>
[ChildCode]
internal static unsafe class HolderPlaces
{
    private const nuint ArenaAlignment = 64 << 20;

    /// <summary>Describes the place of a noted word.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Describe(ChildState* state, HolderNote* note, HolderInfo* info)
    {
        *info = default;
        info->Address = note->Address;
        info->Value = note->Value;
        if (note->Address == 0)
        {
            return;
        }

        if (note->Object != 0)
        {
            info->Kind = HolderKind.Object;
            info->Container = Peek.Word(state, note->Object) & ~state->Context->Managed.MethodTableUnmask;
            info->Offset = (long)(note->Address - note->Object);
            return;
        }

        int block = BlockIndex.Find(&state->Index, note->Address);
        if (block >= 0 && note->Address < state->Index.End[block])
        {
            info->Kind = HolderKind.Block;
            info->Container = state->Index.Start[block];
            info->Offset = (long)(note->Address - state->Index.Start[block]);
            info->Site = (state->Context->Records.Entries + state->Index.Record[block])->Site;
            return;
        }

        info->IsFrail = FrailRoots.Contains(state, note->Address) ? (byte)1 : (byte)0;
        DescribeRoot(state, note->Address, info);
    }

    [MethodImpl(ChildCode.Options)]
    private static void DescribeRoot(ChildState* state, nuint address, HolderInfo* info)
    {
        ref readonly ManagedHeapLayout heap = ref state->Context->Managed;
        int mapping = MappingSearch.Find(state, address);
        if (address - heap.HeapStart < heap.HeapEnd - heap.HeapStart)
        {
            info->Kind = HolderKind.ManagedHeap;
        }
        else if (IsRegistered(state, address))
        {
            info->Kind = HolderKind.RegisteredRoot;
        }
        else if (mapping < 0)
        {
            info->Kind = HolderKind.Shared;
        }
        else if (!DescribeThread(state, mapping, address, info))
        {
            info->Kind = KindOf(state, mapping);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static HolderKind KindOf(ChildState* state, int index)
    {
        Mapping* mapping = state->Mappings + index;
        if ((mapping->Access & MappingAccess.Shared) != 0)
        {
            return HolderKind.Shared;
        }

        if (mapping->Kind == MappingKind.File)
        {
            return HolderKind.Module;
        }

        if (mapping->Kind == MappingKind.Heap || (mapping->Start & (ArenaAlignment - 1)) == 0)
        {
            return HolderKind.CHeap;
        }

        // Zero-initialised data of a module has pages without a file, right behind those with one.
        bool isBehindFile = index > 0 && mapping->Kind == MappingKind.Anonymous && mapping[-1].Kind == MappingKind.File
            && mapping[-1].End == mapping->Start && (mapping[-1].Access & MappingAccess.Write) != 0;
        return isBehindFile ? HolderKind.Module : HolderKind.Memory;
    }

    // A register or a slot of a stack; false when no thread has anything in this mapping.
    [MethodImpl(ChildCode.Options)]
    private static bool DescribeThread(ChildState* state, int index, nuint address, HolderInfo* info)
    {
        Mapping* mapping = state->Mappings + index;
        if (mapping->Kind == MappingKind.File)
        {
            return false;
        }

        for (int i = 0; i < state->View->ThreadCount; i++)
        {
            ParkedThread* thread = state->View->Threads + i;
            bool isVector = thread->VectorRegisters.Contains(address);
            if (isVector || thread->Registers.Contains(address))
            {
                info->Kind = HolderKind.Register;
                info->Offset = isVector ? -1 : (long)((address - thread->Registers.Start) / 8);
                info->ThreadId = thread->ThreadId;
                return true;
            }

            bool isHere = thread->StackPointer - mapping->Start < mapping->End - mapping->Start
                || thread->ThreadControlBlock - mapping->Start < mapping->End - mapping->Start;
            if (isHere && info->Kind == HolderKind.None)
            {
                info->Kind = HolderKind.Stack;
                info->Offset = thread->StackPointer == 0 ? 0 : (long)(address - thread->StackPointer);
                info->ThreadId = thread->ThreadId;
            }
        }

        return info->Kind == HolderKind.Stack;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool IsRegistered(ChildState* state, nuint address)
    {
        for (int i = 0; i < state->Context->RegisteredRootCount; i++)
        {
            RootEntry* range = state->Context->RegisteredRoots + i;
            if (address >= range->Start && address < range->End)
            {
                return true;
            }
        }

        return false;
    }
}
