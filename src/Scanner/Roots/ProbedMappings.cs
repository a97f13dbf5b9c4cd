// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds the pages that a list of mappings calls readable and that fault all the same, and takes them out.
// Who calls it: ChildScan, in the second attempt, after the first child died.
// The one idea: guard regions (MADV_GUARD_INSTALL, which the C library uses for stacks since 2.42) and pages behind the end
// of a file that became shorter show in no list. The kernel is asked for one byte of each page; a page without one becomes
// a mapping of its own that may not be read, and all that knows such mappings (stacks above all) works as ever.
// Safety: the new list has room for as many entries as are written; vectors lie in pages of the child's.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Verdicts;

namespace NativeLeak.Roots;

/// <summary>Splits mappings where they cannot be read.</summary>
[ChildCode]
internal static unsafe class ProbedMappings
{
    private const nuint PageByteCount = 4096;

    // IOV_MAX of the kernel: pages asked for in one call.
    private const int BatchCount = 1024;

    // struct iovec of <bits/types/struct_iovec.h>.
    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public nuint Base;
        public nuint ByteCount;
    }

    /// <summary>
    /// Replaces the list of mappings by one that tells the truth. False when there is no room, or when the system refuses
    /// such reads altogether: the list is as it was.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Split(ChildState* state)
    {
        Mapping* list = (Mapping*)ChildArena.Allocate((nuint)ChildScan.MappingCapacity * (nuint)sizeof(Mapping));
        IoVector* vectors = (IoVector*)ChildArena.Allocate(BatchCount * (nuint)sizeof(IoVector));
        byte* bytes = ChildArena.Allocate(BatchCount);
        if (list == null || vectors == null || bytes == null)
        {
            return false;
        }

        int count = 0;
        for (int i = 0; i < state->MappingCount && count >= 0; i++)
        {
            Mapping* mapping = state->Mappings + i;
            count = IsAskedFor(state, mapping) ? SplitOne(state, mapping, list, count, vectors, bytes)
                : Append(list, count, mapping, mapping->Start, mapping->End, mapping->Access);
        }

        if (count < 0)
        {
            state->Context->Counters->UnreadableBytes = 0;
            return false;
        }

        state->Mappings = list;
        state->MappingCount = count;
        return true;
    }

    // Not shared pages, which the parent reads, and not our own: both may be huge, and asking for a shared page makes it.
    [MethodImpl(ChildCode.Options)]
    private static bool IsAskedFor(ChildState* state, Mapping* mapping)
    {
        if ((mapping->Access & (MappingAccess.Read | MappingAccess.Shared)) != MappingAccess.Read
            || mapping->Kind is MappingKind.Device or MappingKind.Special)
        {
            return false;
        }

        for (int i = 0; i < state->Context->OwnCount; i++)
        {
            MemoryRange* own = state->Context->OwnRanges + i;
            if (own->Start <= mapping->Start && mapping->End <= own->End)
            {
                return false;
            }
        }

        return true;
    }

    // How many entries the list has then; −1 when that did not work.
    [MethodImpl(ChildCode.Options)]
    private static int SplitOne(ChildState* state, Mapping* mapping, Mapping* list, int count, IoVector* vectors, byte* bytes)
    {
        nuint at = mapping->Start;
        while (count >= 0 && at < mapping->End)
        {
            nuint readable = ReadableEnd(state, at, mapping->End, vectors, bytes);
            if (readable == 0)
            {
                return -1;
            }

            count = readable == at ? count : Append(list, count, mapping, at, readable, mapping->Access);
            at = readable;
            if (at < mapping->End && count >= 0)
            {
                count = Append(list, count, mapping, at, at + PageByteCount, MappingAccess.None);
                state->Context->Counters->UnreadableBytes += (mapping->Access & MappingAccess.Write) != 0 ? (long)PageByteCount : 0;
                at += PageByteCount;
            }
        }

        return count;
    }

    // The end of the readable pages from start on; start itself when its page faults; 0 when the system refuses to read.
    [MethodImpl(ChildCode.Options)]
    private static nuint ReadableEnd(ChildState* state, nuint start, nuint end, IoVector* vectors, byte* bytes)
    {
        while (start < end)
        {
            nint wanted = 0;
            for (; wanted < BatchCount && start + ((nuint)wanted * PageByteCount) < end; wanted++)
            {
                vectors[wanted].Base = start + ((nuint)wanted * PageByteCount);
                vectors[wanted].ByteCount = 1;
            }

            IoVector local;
            local.Base = (nuint)bytes;
            local.ByteCount = (nuint)wanted;
            nint got = RawSyscall.Invoke(
                SyscallNumber.ProcessVmReadv, state->OwnProcessId, (nint)(&local), 1, (nint)vectors, wanted, 0);
            state->View->Progress++;
            if (got < 0 && got != -ErrorNumber.EFAULT)
            {
                return 0;
            }

            start += (nuint)(got < 0 ? 0 : got) * PageByteCount;
            if (got < wanted)
            {
                break;
            }
        }

        return start < end ? start : end;
    }

    // Neighbouring holes become one. −1 when the list is full.
    [MethodImpl(ChildCode.Options)]
    private static int Append(Mapping* list, int count, Mapping* model, nuint start, nuint end, MappingAccess access)
    {
        if (count > 0 && access == MappingAccess.None && list[count - 1].Access == MappingAccess.None
            && list[count - 1].End == start && list[count - 1].Start >= model->Start)
        {
            list[count - 1].End = end;
            return count;
        }

        if (count == ChildScan.MappingCapacity)
        {
            return -1;
        }

        list[count].Start = start;
        list[count].End = end;
        list[count].Access = access;
        list[count].Kind = model->Kind;
        list[count].Inode = model->Inode;
        return count + 1;
    }
}
