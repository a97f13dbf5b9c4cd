// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads and parses /proc/PID/maps without the runtime.
// Who calls it: the parent in the parked world and the child, to know which memory exists.
// The one idea: one pass over bytes in our own pages, raw system calls only; a line that is not complete and well formed
// is skipped, so that neither a cut text nor an unknown kernel can mislead or fault the reader.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>Memory mappings of a process. Allocates nothing, throws nothing, holds no state.</summary>
[ChildCode]
internal static unsafe class MapsReader
{
    // A pathological endless stream (a path that is not a proc file) ends when the buffer is full, never later.
    private const nint OpenReadOnlyCloseOnExec = 0x80000;

    /// <summary>Reads a whole proc file.</summary>
    /// <param name="zeroTerminatedPath">For instance "/proc/self/maps".</param>
    /// <param name="buffer">Where the text goes; not zero-terminated.</param>
    /// <param name="capacity">Bytes of room. A result equal to it means that the text may be cut: use more room.</param>
    /// <returns>Bytes read, or −errno.</returns>
    // Safety: the caller owns capacity bytes at buffer and the path is zero-terminated.
    [MethodImpl(ChildCode.Options)]
    public static nint Read(byte* zeroTerminatedPath, byte* buffer, nint capacity)
    {
        nint descriptor;
        do
        {
            descriptor = RawSyscall.Invoke(SyscallNumber.Open, (nint)zeroTerminatedPath, OpenReadOnlyCloseOnExec);
        }
        while (descriptor == -ErrorNumber.EINTR);
        if (descriptor < 0)
        {
            return descriptor;
        }

        nint total = 0;
        while (total < capacity)
        {
            nint count = RawSyscall.Invoke(SyscallNumber.Read, descriptor, (nint)(buffer + total), capacity - total);
            if (count == -ErrorNumber.EINTR)
            {
                continue;
            }

            if (count <= 0)
            {
                total = count < 0 ? count : total;
                break;
            }

            total += count;
        }

        RawSyscall.Invoke(SyscallNumber.Close, descriptor);
        return total;
    }

    /// <summary>Parses the text of a maps file into <paramref name="destination"/>, in the kernel's (ascending) order.</summary>
    /// <returns>How many mappings were written, or −1 when <paramref name="capacity"/> is too small for them.</returns>
    // Safety: the caller owns length bytes at text and capacity entries at destination.
    [MethodImpl(ChildCode.Options)]
    public static int Parse(byte* text, nint length, Mapping* destination, int capacity)
    {
        int count = 0;
        byte* at = text, end = text + length;
        while (at < end)
        {
            byte* lineEnd = at;
            while (lineEnd < end && *lineEnd != '\n')
            {
                lineEnd++;
            }

            if (lineEnd == end)
            {
                break; // cut off: half an address is worse than none
            }

            Mapping mapping;
            if (ParseLine(at, lineEnd, &mapping) != 0)
            {
                if (count == capacity)
                {
                    return -1;
                }

                destination[count].Start = mapping.Start;
                destination[count].End = mapping.End;
                destination[count].Access = mapping.Access;
                destination[count].Kind = mapping.Kind;
                destination[count].Inode = mapping.Inode;
                count++;
            }

            at = lineEnd + 1;
        }

        return count;
    }

    // start-end rwxs offset major:minor inode   path
    [MethodImpl(ChildCode.Options)]
    private static int ParseLine(byte* at, byte* end, Mapping* mapping)
    {
        nuint value;
        byte* next = Hex(at, end, &value);
        if (next == null || next == end || *next != '-')
        {
            return 0;
        }

        mapping->Start = value;
        next = Hex(next + 1, end, &value);
        if (next == null || value < mapping->Start || end - next < 6 || *next != ' ' || next[5] != ' ')
        {
            return 0;
        }

        mapping->End = value;
        mapping->Access = (next[1] == 'r' ? MappingAccess.Read : 0) | (next[2] == 'w' ? MappingAccess.Write : 0)
            | (next[3] == 'x' ? MappingAccess.Execute : 0) | (next[4] == 's' ? MappingAccess.Shared : 0);
        next = SkipField(SkipField(next + 6, end), end); // offset, device
        ulong inode = 0;
        byte* digits = next;
        while (next < end && *next is >= (byte)'0' and <= (byte)'9')
        {
            inode = unchecked((inode * 10) + (ulong)(*next - '0'));
            next++;
        }

        if (next == digits)
        {
            return 0;
        }

        mapping->Inode = inode;
        while (next < end && *next == ' ')
        {
            next++;
        }

        mapping->Kind = Classify(next, end);
        return 1;
    }

    [MethodImpl(ChildCode.Options)]
    private static byte* Hex(byte* at, byte* end, nuint* value)
    {
        nuint sum = 0;
        byte* start = at;
        while (at < end)
        {
            int digit = *at is >= (byte)'0' and <= (byte)'9' ? *at - '0'
                : *at is >= (byte)'a' and <= (byte)'f' ? *at - 'a' + 10 : -1;
            if (digit < 0)
            {
                break;
            }

            sum = unchecked((sum << 4) | (nuint)(uint)digit);
            at++;
        }

        *value = sum;
        return at == start || at - start > 16 ? null : at;
    }

    [MethodImpl(ChildCode.Options)]
    private static byte* SkipField(byte* at, byte* end)
    {
        while (at < end && *at != ' ')
        {
            at++;
        }

        while (at < end && *at == ' ')
        {
            at++;
        }

        return at;
    }

    [MethodImpl(ChildCode.Options)]
    private static MappingKind Classify(byte* name, byte* end)
    {
        if (name == end)
        {
            return MappingKind.Anonymous;
        }

        if (*name == '[')
        {
            return StartsWith(name, end, "[heap]"u8) ? MappingKind.Heap
                : StartsWith(name, end, "[stack]"u8) ? MappingKind.Stack
                : StartsWith(name, end, "[stack:"u8) ? MappingKind.ThreadStack
                : StartsWith(name, end, "[anon:"u8) ? MappingKind.NamedAnonymous
                : StartsWith(name, end, "[anon_shmem:"u8) ? MappingKind.SharedMemory
                : MappingKind.Special;
        }

        if (*name != '/')
        {
            return MappingKind.Device; // anon_inode:…, socket:…: a kernel object behind a descriptor
        }

        return StartsWith(name, end, "/memfd:doublemapper"u8) ? MappingKind.Doublemapper
            : StartsWith(name, end, "/memfd:"u8) || StartsWith(name, end, "/SYSV"u8) ? MappingKind.SharedMemory
            : StartsWith(name, end, "/anon_hugepage"u8) ? MappingKind.Anonymous
            : StartsWith(name, end, "/[aio]"u8) ? MappingKind.Device
            : !StartsWith(name, end, "/dev/"u8) ? MappingKind.File
            : IsMemoryUnderDev(name, end) ? MappingKind.SharedMemory : MappingKind.Device;
    }

    // /dev/zero itself, not /dev/zero-something; shm and hugepages are file systems made of memory.
    [MethodImpl(ChildCode.Options)]
    private static bool IsMemoryUnderDev(byte* name, byte* end)
        => StartsWith(name, end, "/dev/shm/"u8) || StartsWith(name, end, "/dev/hugepages/"u8)
            || (StartsWith(name, end, "/dev/zero"u8) && (end - name == 9 || name[9] == ' '));

    [MethodImpl(ChildCode.Options)]
    private static bool StartsWith(byte* text, byte* end, ReadOnlySpan<byte> prefix)
    {
        if (end - text < prefix.Length)
        {
            return false;
        }

        for (int i = 0; i < prefix.Length; i++)
        {
            if (text[i] != prefix[i])
            {
                return false;
            }
        }

        return true;
    }
}
