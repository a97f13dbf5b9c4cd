// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads, in the parent, the memory that the cloned child cannot see as it was: pages shared with others (the
// runtime keeps static fields in one such mapping) and mappings kept out of children (memory-mapped files of .NET).
// Who calls it: the snapshot machinery, in the parent, after the clone, while every thread is still parked.
// The one idea: only words that could be addresses are kept, so that the pause pays for one pass over little memory.
// Safety: buffers have the sizes LiveMemoryBuffers gave them; the application's memory is read by the kernel, never
// directly.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.Verdicts;

namespace NativeLeak.Roots;

/// <summary>The parent's part of a snapshot. All buffers are given by <see cref="LiveMemoryBuffers"/>.</summary>
[ChildCode]
internal static unsafe class LiveMemory
{
    /// <summary>Most bytes read while the application stands still (at some 3 GB/s: a tenth of a second).</summary>
    public const long BudgetByteCount = 256L << 20;

    private const nint ChunkByteCount = 65536;
    private const int GranuleShift = 24;
    private const ulong AddressSpaceEnd = 1UL << 47;

    /// <summary>Bytes of the bitmap of 16 MiB granules that hold private writable memory.</summary>
    public const uint GranuleMapByteCount = 1u << (47 - GranuleShift - 3);

    /// <summary>Runs in the parent, all threads parked, child alive.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Capture(SnapshotView* view, LiveMemoryBuffers* buffers, ScanContext* context)
    {
        LiveMemoryResult* live = context->Live;
        live->WordCount = 0;
        live->BytesRead = 0;
        live->BytesUnreadable = 0;
        live->Warnings = 0;
        int own = ReadMappings(context->SelfMapsPath, buffers, buffers->Own);
        WriteChildPath(buffers->ChildPath, view->ChildProcessId);
        int child = ReadMappings(buffers->ChildPath, buffers, buffers->Child);
        if (own < 0 || child < 0)
        {
            live->Warnings |= (long)ScanWarning.MappingsUnreadable;
            return;
        }

        FillGranules(buffers, own);
        int c = 0;
        for (int i = 0; i < own; i++)
        {
            Mapping* mapping = buffers->Own + i;
            bool writable = (mapping->Access & (MappingAccess.Read | MappingAccess.Write)) == (MappingAccess.Read | MappingAccess.Write);
            if (!writable || mapping->Kind == MappingKind.Device || mapping->Kind == MappingKind.Special)
            {
                continue;
            }

            while (c < child && buffers->Child[c].End <= mapping->Start)
            {
                c++;
            }

            if ((mapping->Access & MappingAccess.Shared) != 0)
            {
                ReadRange(view, buffers, context, mapping->Start, mapping->End);
            }
            else
            {
                ReadMissing(view, buffers, context, mapping, c, child);
            }
        }
    }

    /// <summary>The child's side: waits, bounded, until the parent's part is complete.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool WaitForParent(ChildState* state)
    {
        const nint FutexWait = 0;
        long* timeout = stackalloc long[2];
        for (int tenths = 0; tenths < 100; tenths++)
        {
            // Order: acquire; pairs with the parent's release store of ParentDone after its words are written.
            if (Volatile.Read(ref state->View->ParentDone) != 0)
            {
                return true;
            }

            timeout[0] = 0;
            timeout[1] = 100_000_000;
            RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&state->View->ParentDone), FutexWait, 0, (nint)timeout);
            state->View->Progress++;
        }

        return false;
    }

    [MethodImpl(ChildCode.Options)]
    private static int ReadMappings(byte* path, LiveMemoryBuffers* buffers, Mapping* destination)
    {
        nint length = MapsReader.Read(path, buffers->Text, buffers->TextByteCount);
        return length <= 0 || length >= buffers->TextByteCount ? -1 : MapsReader.Parse(buffers->Text, length, destination, buffers->MappingCapacity);
    }

    // "/proc/<pid>/maps\0"
    [MethodImpl(ChildCode.Options)]
    private static void WriteChildPath(byte* path, int processId)
    {
        byte* digits = stackalloc byte[12];
        int count = 0;
        do
        {
            digits[count++] = (byte)('0' + (processId % 10));
            processId /= 10;
        }
        while (processId != 0);

        *path++ = (byte)'/';
        *path++ = (byte)'p';
        *path++ = (byte)'r';
        *path++ = (byte)'o';
        *path++ = (byte)'c';
        *path++ = (byte)'/';
        while (count > 0)
        {
            *path++ = digits[--count];
        }

        *path++ = (byte)'/';
        *path++ = (byte)'m';
        *path++ = (byte)'a';
        *path++ = (byte)'p';
        *path++ = (byte)'s';
        *path = 0;
    }

    // Blocks and managed objects live in private writable memory: a word outside of it is no candidate.
    [MethodImpl(ChildCode.Options)]
    private static void FillGranules(LiveMemoryBuffers* buffers, int own)
    {
        for (nuint i = 0; i < GranuleMapByteCount / 8; i++)
        {
            buffers->Granules[i] = 0;
        }

        for (int i = 0; i < own; i++)
        {
            Mapping* mapping = buffers->Own + i;
            if ((mapping->Access & MappingAccess.Write) == 0 || mapping->End > AddressSpaceEnd)
            {
                continue;
            }

            for (nuint granule = mapping->Start >> GranuleShift; granule <= (mapping->End - 1) >> GranuleShift; granule++)
            {
                buffers->Granules[granule >> 6] |= 1UL << (int)(granule & 63);
            }
        }
    }

    // What of a private mapping the child does not have (MADV_DONTFORK).
    [MethodImpl(ChildCode.Options)]
    private static void ReadMissing(SnapshotView* view, LiveMemoryBuffers* buffers, ScanContext* context, Mapping* mapping, int first, int count)
    {
        nuint cursor = mapping->Start;
        for (int i = first; i < count && buffers->Child[i].Start < mapping->End; i++)
        {
            if (buffers->Child[i].Start > cursor)
            {
                ReadRange(view, buffers, context, cursor, buffers->Child[i].Start);
            }

            cursor = buffers->Child[i].End > cursor ? buffers->Child[i].End : cursor;
        }

        if (cursor < mapping->End)
        {
            ReadRange(view, buffers, context, cursor, mapping->End);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void ReadRange(SnapshotView* view, LiveMemoryBuffers* buffers, ScanContext* context, nuint start, nuint end)
    {
        for (int i = 0; i < context->OwnCount; i++)
        {
            if (context->OwnRanges[i].Start <= start && context->OwnRanges[i].End > start)
            {
                // Shared pages of ours. Neighbouring mappings of ours may have been merged into one.
                start = context->OwnRanges[i].End;
                i = -1;
                if (start >= end)
                {
                    return;
                }
            }
        }

        LiveMemoryResult* live = context->Live;
        while (start < end)
        {
            if (live->BytesRead > BudgetByteCount)
            {
                live->Warnings |= (long)ScanWarning.LiveMemoryUnread;
                live->BytesUnreadable += (long)(end - start);
                return;
            }

            nint want = end - start < (nuint)ChunkByteCount ? (nint)(end - start) : ChunkByteCount;
            nint got = SafeRead.Copy(view->ParentProcessId, start, buffers->Chunk, want);
            if (got > 0)
            {
                live->BytesRead += got;
                Keep(buffers, context, start, got);
            }

            if (got == want)
            {
                start += (nuint)want;
                continue;
            }

            if (got < 0 && got != -ErrorNumber.EFAULT)
            {
                // The system refuses such reads altogether (a seccomp profile): this is no hole, and anything may stand there.
                live->Warnings |= (long)ScanWarning.MemoryUnreadable;
                live->BytesUnreadable += (long)(end - start);
                return;
            }

            // A page that cannot be read (past the end of a file, say) holds no pointer that anybody can follow.
            nuint next = ((start + (nuint)(got < 0 ? 0 : got)) & ~(nuint)4095) + 4096;
            live->BytesUnreadable += (long)((next < end ? next : end) - start) - (got < 0 ? 0 : got);
            start = next;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void Keep(LiveMemoryBuffers* buffers, ScanContext* context, nuint start, nint byteCount)
    {
        LiveMemoryResult* live = context->Live;
        for (nint at = 0; at + 8 <= byteCount; at += 4)
        {
            nuint word = *(nuint*)(buffers->Chunk + at);
            if (word - 65536 >= AddressSpaceEnd - 65536)
            {
                continue;
            }

            nuint granule = word >> GranuleShift;
            if ((buffers->Granules[granule >> 6] & (1UL << (int)(granule & 63))) == 0)
            {
                continue;
            }

            if (live->WordCount == context->LiveWordCapacity)
            {
                live->Warnings |= (long)ScanWarning.TableOverflow;
                return;
            }

            if (context->LivePlaces != null)
            {
                context->LivePlaces[live->WordCount] = start + (nuint)at;
            }

            context->LiveWords[live->WordCount++] = word;
        }
    }
}
