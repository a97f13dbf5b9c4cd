// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the process's mappings, read before Main.
// Who calls it: ManagedHeapLayouts and StubPage, once each.
// The one idea: MapsReader is child code, which is compiled when it is first called (milliseconds, for a dozen methods);
// this is compiled ahead and takes from each line only what is asked for here.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>Reads /proc/self/maps early: ranges and access; of kinds only anonymous memory and the heap are told.</summary>
internal static unsafe class EarlyMaps
{
    private const nint OpenReadOnlyCloseOnExec = 0x80000;
    private const nuint TextByteCount = 4 << 20;
    private const int AccessLetters = 4;
    private const int FieldsBehindAccess = 3; // offset, device, inode

    // What the kernel calls anonymous memory on large pages.
    private static ReadOnlySpan<byte> HugePages => "/anon_hugepage"u8;

    private static ReadOnlySpan<byte> Heap => "[heap]"u8;

    /// <summary>The mappings in order; none when they cannot be read. A tenth of a millisecond or two.</summary>
    public static Mapping[] Read()
    {
        nuint text = Platform.Pages.AllocatePrivate(TextByteCount);
        if (text == 0)
        {
            return [];
        }

        // Safety: the pages are ours, and length is at most what they hold.
        byte* at = (byte*)text;
        byte* end = at + ReadText(at);
        int lines = 0;
        for (byte* byteAt = at; byteAt < end; byteAt++)
        {
            lines += *byteAt == '\n' ? 1 : 0;
        }

        Mapping[] mappings = new Mapping[lines];
        for (int i = 0; i < lines; i++)
        {
            at = ReadLine(at, out mappings[i]);
        }

        Platform.Pages.Release(text, TextByteCount);
        return mappings;
    }

    // Safety: text has TextByteCount bytes.
    private static nint ReadText(byte* text)
    {
        nint descriptor;
        fixed (byte* path = "/proc/self/maps\0"u8)
        {
            descriptor = RawSyscall.Invoke(SyscallNumber.Open, (nint)path, OpenReadOnlyCloseOnExec);
        }

        nint total = 0, count = descriptor < 0 ? 0 : 1;
        while (count > 0)
        {
            count = RawSyscall.Invoke(SyscallNumber.Read, descriptor, (nint)(text + total), (nint)TextByteCount - total);
            total += Math.Max(count, 0);
        }

        if (descriptor >= 0)
        {
            RawSyscall.Invoke(SyscallNumber.Close, descriptor);
        }

        // An interrupted read leaves part of the list, which proves nothing.
        return count < 0 || total > (nint)TextByteCount - HugePages.Length ? 0 : total;
    }

    // start-end rwxs offset major:minor inode   path
    // Safety: the line ends with a line feed, at which every loop stops.
    private static byte* ReadLine(byte* at, out Mapping mapping)
    {
        mapping = default;
        mapping.Start = Hex(ref at);
        at += *at == '-' ? 1 : 0;
        mapping.End = Hex(ref at);
        at += *at == ' ' ? 1 : 0;
        for (int i = 0; i < AccessLetters && *at != '\n'; i++, at++)
        {
            mapping.Access |= *at switch
            {
                (byte)'r' => MappingAccess.Read,
                (byte)'w' => MappingAccess.Write,
                (byte)'x' => MappingAccess.Execute,
                (byte)'s' => MappingAccess.Shared,
                _ => MappingAccess.None,
            };
        }

        SkipBlanks(ref at);
        for (int i = 0; i < FieldsBehindAccess; i++)
        {
            while (*at is not ((byte)' ' or (byte)'\n'))
            {
                at++;
            }

            SkipBlanks(ref at);
        }

        // Safety: the pages are longer than the text, and zero behind it.
        mapping.Kind = *at == '\n' || new ReadOnlySpan<byte>(at, HugePages.Length).SequenceEqual(HugePages)
            ? MappingKind.Anonymous
            : new ReadOnlySpan<byte>(at, Heap.Length).SequenceEqual(Heap) ? MappingKind.Heap : MappingKind.Special;
        while (*at != '\n')
        {
            at++;
        }

        return at + 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SkipBlanks(ref byte* at)
    {
        while (*at == ' ')
        {
            at++;
        }
    }

    private static nuint Hex(ref byte* at)
    {
        nuint value = 0;
        while (*at is (>= (byte)'0' and <= (byte)'9') or (>= (byte)'a' and <= (byte)'f'))
        {
            value = unchecked((value << 4) | (uint)(*at <= '9' ? *at - '0' : *at - 'a' + 10));
            at++;
        }

        return value;
    }
}
