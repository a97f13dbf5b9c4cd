// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>What may be done with the bytes of a mapping: the four letters of a line of /proc/PID/maps.</summary>
[Flags]
internal enum MappingAccess
{
    /// <summary>PROT_NONE, private: a guard or a reservation.</summary>
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,

    /// <summary>MAP_SHARED: a clone of the process sees later writes, it gets no frozen copy.</summary>
    Shared = 8,
}

/// <summary>What a mapping is, as far as its name tells.</summary>
internal enum MappingKind
{
    /// <summary>No name: malloc arenas, thread stacks, the managed heap, anonymous huge pages.</summary>
    Anonymous = 0,

    /// <summary>Pages of a file: code and data of modules, memory-mapped files.</summary>
    File,

    /// <summary>[stack]: the stack of the first thread.</summary>
    Stack,

    /// <summary>[stack:N]: a thread's stack, as kernels before 4.5 named it.</summary>
    ThreadStack,

    /// <summary>[heap]: the program break.</summary>
    Heap,

    /// <summary>[anon:…]: anonymous memory its owner gave a name to (prctl PR_SET_VMA_ANON_NAME).</summary>
    NamedAnonymous,

    /// <summary>memfd:doublemapper: the runtime's own code heaps and statics, mapped twice (W^X).</summary>
    Doublemapper,

    /// <summary>Memory behind no real file: /dev/zero, /dev/shm, memfd, System V segments.</summary>
    SharedMemory,

    /// <summary>A device, or a kernel object that is mapped like one: reading it may have effects. Never scanned.</summary>
    Device,

    /// <summary>[vdso], [vvar], [vsyscall] and their like: the kernel's own.</summary>
    Special,
}

/// <summary>One line of /proc/PID/maps. Blittable; filled by <see cref="MapsReader"/>, also in the child.</summary>
/// <remarks>
/// <code>
///  0 start (inclusive)    8 end (exclusive)
/// 16 access              20 kind
/// 24 inode (0 = none)
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct Mapping
{
    [FieldOffset(0)] public nuint Start;
    [FieldOffset(8)] public nuint End;
    [FieldOffset(16)] public MappingAccess Access;
    [FieldOffset(20)] public MappingKind Kind;
    [FieldOffset(24)] public ulong Inode;

    /// <summary>The addresses covered.</summary>
    public readonly MemoryRange Range => new(Start, End);
}
