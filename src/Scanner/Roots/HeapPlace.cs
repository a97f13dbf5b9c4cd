// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where in a mapping a heap of glibc's lies, if one does.
// Who calls it: RootScan, piece by piece; FreeChunks for a single address.
// The one idea: a thread's heaps begin at multiples of 64 MiB. The kernel joins full neighbours to one mapping, and a heap that
// shrank keeps its mapping: what lies behind its end was given back. The heap's own notes of its size are believed only when
// one of them is the size that the mapping shows, and then a walk must still land on the other.
// Safety: words are read inside the mapping only.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>A piece of a mapping that may be one heap of glibc's malloc.</summary>
/// <remarks>
/// A thread's heap (see <c>heap_info</c> in glibc's arena.c, the same since 2.0):
/// <code>
///   heap + 0    where the allocator's state is
///   heap + 8    the heap before
///   heap + 16   bytes in use or in the top chunk
///   heap + 24   bytes that can be accessed
/// </code>
/// </remarks>
[ChildCode]
internal readonly unsafe struct HeapPlace
{
    /// <summary>What a thread's heap begins at a multiple of, and its largest size, bytes.</summary>
    public const nuint Alignment = 64 << 20;

    private const nuint HeadByteCount = 32, PageMask = 4095;

    private HeapPlace(nuint start, nuint end, nuint memoryEnd, bool isMain)
    {
        Start = start;
        End = end;
        MemoryEnd = memoryEnd;
        IsMain = isMain;
    }

    /// <summary>First byte.</summary>
    public readonly nuint Start;

    /// <summary>Where the top chunk must end.</summary>
    public readonly nuint End;

    /// <summary>Where the memory that belongs to it ends; the same or higher.</summary>
    public readonly nuint MemoryEnd;

    /// <summary>The heap of the main thread, which other data may precede.</summary>
    public readonly bool IsMain;

    /// <summary>Whether a heap can lie here at all.</summary>
    public bool MayBeHeap => IsMain || (Start & (Alignment - 1)) == 0;

    /// <summary>The piece of a mapping in which an address lies. Pieces follow each other without a gap.</summary>
    [MethodImpl(ChildCode.Options)]
    public static HeapPlace Around(ChildState* state, Mapping* mapping, nuint address)
    {
        if (mapping->Kind == MappingKind.Heap)
        {
            return new(mapping->Start, mapping->End, mapping->End, isMain: true);
        }

        nuint start = address & ~(Alignment - 1), following = start + Alignment;
        start = start > mapping->Start ? start : mapping->Start;
        nuint memoryEnd = following < mapping->End && following > start ? following : mapping->End;
        return new(start, EndOfUse(state, start, memoryEnd), memoryEnd, isMain: false);
    }

    [MethodImpl(ChildCode.Options)]
    private static nuint EndOfUse(ChildState* state, nuint start, nuint memoryEnd)
    {
        if ((start & (Alignment - 1)) != 0 || memoryEnd - start < HeadByteCount || !Peek.IsAllowed(state))
        {
            return memoryEnd;
        }

        nuint used = Peek.Word(state, start + 16);
        bool isShrunk = Peek.Word(state, start + 24) == memoryEnd - start && used > HeadByteCount && used < memoryEnd - start;
        return isShrunk && (used & PageMask) == 0 ? start + used : memoryEnd;
    }
}
