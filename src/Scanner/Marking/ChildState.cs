// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>How far a chain of pointers may be trusted, in the order in which the phases run.</summary>
internal enum MarkLevel
{
    /// <summary>From a root, by start pointers only: what it reaches is reachable.</summary>
    Strong = Reach.Strong,

    /// <summary>From a block that only interior pointers reach: what it reaches is possible.</summary>
    Weak = Reach.Weak,

    /// <summary>From an unreached block too young to be judged: what it reaches is not judged either.</summary>
    Young = Reach.Young,

    /// <summary>As Strong, but from a root whose words are of doubtful worth (Roots.FrailRoots).</summary>
    Frail = Reach.Frail,

    /// <summary>From a block that a hint ignores: what it reaches is ignored too.</summary>
    Ignored = Reach.Ignored,

    /// <summary>From a lost block: what it reaches is lost with it (Verdicts.LostGraph). No mark of a block's.</summary>
    Lost = Reach.Mask + 1,
}

/// <summary>A piece of address space with one right, as the scan needs it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ExtentList
{
    public MemoryRange* Items;
    public int Count;
    public int Capacity;
}

/// <summary>The working state of one scan in the child. In child memory; never shared.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ChildState
{
    public SnapshotView* View;
    public ScanContext* Context;
    public int OwnProcessId;

    public Mapping* Mappings;
    public int MappingCount;

    /// <summary>All readable memory, merged and sorted; and of that, the committed parts of the managed heap.</summary>
    public ExtentList Readable, Heap;

    public BlockIndex Index;

    /// <summary>What is reached and still to be read: a stack, and a ring of what is on its way from memory (WorkQueue).</summary>
    public WorkItem* Frontier;
    public int FrontierCount;
    public WorkItem* Ring;
    public uint RingHead, RingTail;
    public int ItemsRead;

    /// <summary>Words that were read and not followed yet (EdgeQueue); what the filter looks for and found.</summary>
    public Edge* Edges;
    public int EdgeCount;
    public WordHits Hits;

    /// <summary>1: no address matters, there is nothing to read for.</summary>
    public int NothingToFind;

    /// <summary>1: blocks are read directly and nobody asks which one is being read, so that short ones need no ceremony.</summary>
    public int ReadsPlainly;

    /// <summary>How long ranges are read (LinearReading).</summary>
    public ReadingWay Reading;

    /// <summary>What two markers share; null while there is one. 1: this is the second (ParallelMarking).</summary>
    public SharedMarking* Shared;
    public int IsHelper;

    /// <summary>Blocks seen by interior pointers only.</summary>
    public uint* InteriorSeen;
    public int InteriorSeenCount;

    /// <summary>Per block: the word by which it was reached, for evidence and answers.</summary>
    public HolderNote* Holders;

    /// <summary>1: words that reach blocks by their start are noted as well, not only those to their inside.</summary>
    public int KeepsHolders;

    public Verdicts.HeuristicState Heuristics;
    public ExtentList Frail;

    /// <summary>For questions about paths: what led to each object, the block being read, a word that is looked for.</summary>
    public Questions.ObjectParents Parents;
    public nuint CurrentBlock;
    public HolderNote* FoundWord;

    /// <summary>Where glibc keeps a thread's control block and, in it, the thread id (ThreadStacks.Learn); 0 = not known.</summary>
    public nuint StackTopByteCount, ThreadIdOffset;

    /// <summary>The block the last piece of root memory ended at (RootScan.ScanBetweenBlocks).</summary>
    public int BlockCursor;

    /// <summary>The level the marker works at.</summary>
    public MarkLevel Level;

    /// <summary>1 while words come from stacks or registers: pointers into the middle of managed objects count there.</summary>
    public int ObjectInteriorsCount;

    /// <summary>1 when objects are traced (else the managed heap is a root like any memory, or left out).</summary>
    public int Tracing;

    public ObjectTracerState Objects;

    /// <summary>Where traced objects lie; no bytes while none are (Marker.Aim).</summary>
    public nuint ObjectsStart, ObjectsByteCount;

    /// <summary>Per block: the lost block that leads to it (itself for a leader); −1 before it is looked at.</summary>
    public int* Leader;

    /// <summary>The leader whose lost blocks are being collected.</summary>
    public int CurrentLeader;

    /// <summary>What hints ask of this scan (HintNeeds), and for hints on the number of references: how many were found, per
    /// block; null when no block has one.</summary>
    public int HintNeeds;
    public int* ReferenceCounts;

    /// <summary>Memory that pools hand out piece by piece: sorted, disjoint (PoolGaps).</summary>
    public MemoryRange* PoolRanges;
    public int PoolRangeCount;

    /// <summary>Buffer for fault-safe reading, used in the third attempt and for checksums and decoded words.</summary>
    public byte* SafeBuffer;
    public nuint SafeBufferByteCount;

    /// <summary>1: read everything fault-safely (two children crashed, or the memory is the living process's).</summary>
    public int SafeMode;

    /// <summary>How the living process is read; null in a copy, which holds still.</summary>
    public LiveReader* Reader;
}
