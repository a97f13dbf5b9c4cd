// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Everything a scan is given and where it puts what it finds. In native pages of ours, fixed before the clone.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ScanContext
{
    /// <summary>The child asks the kernel for each page before it reads (<see cref="ProbedMappings"/>).</summary>
    public const int ProbeFirst = 1;

    /// <summary>The child copies everything before it looks at it, and misses what it would not understand so.</summary>
    public const int CopyFirst = 2;

    // What to judge.
    public FrozenRecords Records;
    public uint NowTick, MinimumAgeTicks;

    /// <summary>In the living process: starts and record indices of the blocks to judge, sorted; null: all of the table.</summary>
    public nuint* GivenStarts;
    public uint* GivenRecords;
    public uint GivenCount;

    /// <summary>And the table that <see cref="Records"/> was copied from.</summary>
    public FrozenRecords LiveRecords;

    /// <summary>How the living process is read; null in a copy of it.</summary>
    public LiveReader* Reader;

    /// <summary>Mean number of bytes between two recorded blocks; 0: every block is recorded.</summary>
    public double SampleInterval;

    // What never counts as a root, and what always does.
    public MemoryRange* OwnRanges;
    public int OwnCount;
    public RootEntry* RegisteredRoots;
    public int RegisteredRootCount;

    /// <summary>The runtime's way out on the thread that ends the process; null while it runs.</summary>
    public ExitFrames* ExitFrames;

    // Hints.
    public FrozenAnnotations Annotations;
    public FrozenPools Pools;
    public ulong ScanNumber;

    /// <summary>1: no scan comes after this one.</summary>
    public int IsLast;

    // How to read.
    public ManagedHeapLayout Managed;
    public ManagedHeapMode ManagedHeap;

    /// <summary>What of each type's objects can hold an address; null: every word (all modes but precise).</summary>
    public TypeLayoutTable* Types;
    public int InteriorCountsAsStart;

    /// <summary>1: stacks and registers are left out.</summary>
    public int SkipsStacks;

    /// <summary>1: lost blocks get a checksum of their content.</summary>
    public int WantsChecksums;
    public InteriorHeuristics Heuristics;

    /// <summary>What the first child does: 0 reads directly, or <see cref="ProbeFirst"/>.</summary>
    public int FirstCaution;

    /// <summary>What this child does: one step more careful for each child that died before it.</summary>
    public int Caution;

    /// <summary>How many markers work at the same time, one or two; and, in tests, how to start the second (null: as a thread
    /// of the child).</summary>
    public int Markers;
    public delegate*<ChildState*, void> StartHelper;

    /// <summary>Bytes of memory that the process, and what limits it, could still take; 0: none to spare (LargePages).</summary>
    public long LargePageRoom;

    /// <summary>The word glibc writes into chunks of its thread caches; 0 = the C heap is not understood (see FreeChunks).</summary>
    public nuint FreeChunkKey;

    /// <summary>"/proc/self/maps", zero-terminated.</summary>
    public byte* SelfMapsPath;

    /// <summary>"/proc/self/mem", zero-terminated; null: memory is read directly only.</summary>
    public byte* SelfMemoryPath;

    /// <summary>When not null: the mappings to read instead of the process's own (the self-test before the first scan).</summary>
    public Mapping* GivenMappings;
    public int GivenMappingCount;

    /// <summary>Where the C library keeps its allocator's state: pointers to chunks, one of which may end a block.</summary>
    public MemoryRange AllocatorState;

    // Memory that the copy does not hold (shared, or kept out of children): filled by the parent while all is parked.
    public LiveMemoryResult* Live;
    public nuint* LiveWords;

    /// <summary>Where each of them stands.</summary>
    public nuint* LivePlaces;
    public long LiveWordCapacity;

    /// <summary>Native code of the runtime and the C library.</summary>
    public MemoryRange* RuntimeCode;
    public int RuntimeCodeCount;

    /// <summary>Places of the components of saved vector registers (Roots.VectorParts); none: the whole area is read.</summary>
    public MemoryRange* VectorParts;
    public int VectorPartCount;

    // What held each block in earlier scans, and whether this one writes there.
    public HolderTable HolderTable;
    public int RemembersHolders;

    /// <summary>A question to be answered with this scan; null: none.</summary>
    public Questions.AnswerArea* Answer;

    // Results, in pages shared with the parent.
    public ScanCounters* Counters;
    public LostBlock* Lost;
    public long LostCapacity;

    /// <summary>As many as <see cref="LostCapacity"/>; null: no details.</summary>
    public LostDetail* LostDetails;
}

/// <summary>What the parent found in memory that the child cannot see. In shared pages; complete when ParentDone is set.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LiveMemoryResult
{
    /// <summary>Words kept in <see cref="ScanContext.LiveWords"/>.</summary>
    public long WordCount;

    /// <summary>Bytes read, and bytes that could not be.</summary>
    public long BytesRead, BytesUnreadable;

    /// <summary>Bits of <see cref="ScanWarning"/>.</summary>
    public long Warnings;
}
