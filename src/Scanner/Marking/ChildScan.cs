// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the whole scan as it runs in the child: index, roots, marking, verdicts.
// Who calls it: the snapshot machinery, in the child; the self-test, in the parent, over memory of our own.
// Safety: the context was laid out by the parent before the clone; everything else is memory this child took itself.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Roots;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Marking;

/// <summary>Entry of the child.</summary>
[ChildCode]
internal static unsafe class ChildScan
{
    /// <summary>Mappings that a scan has room for.</summary>
    public const int MappingCapacity = LiveMemoryBuffers.Capacity;
    private const nint TextByteCount = 16 << 20;
    private const nuint SafeBufferByteCount = 256 << 10;

    /// <summary>Runs one scan. <paramref name="context"/> is a <see cref="ScanContext"/>; results are in what it points to.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(SnapshotView* view, void* context)
    {
        ChildState* state = (ChildState*)ChildArena.Allocate((nuint)sizeof(ChildState));
        if (state == null)
        {
            ((ScanContext*)context)->Counters->Warnings |= (long)ScanWarning.TableOverflow;
            return;
        }

        state->View = view;
        state->Context = (ScanContext*)context;
        state->OwnProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        state->Reader = state->Context->Reader;
        state->SafeMode = state->Context->Caution == ScanContext.CopyFirst || state->Reader != null ? 1 : 0;
        state->KeepsHolders = state->Context->RemembersHolders;
        ScanCounters* counters = state->Context->Counters;
        *counters = default;
        view->Stage = 1;
        if (!ReadMappings(state))
        {
            counters->Warnings |= (long)ScanWarning.MappingsUnreadable;
            return;
        }

        if (state->Context->Caution == ScanContext.ProbeFirst && !ProbedMappings.Split(state))
        {
            state->SafeMode = 1;
        }

        view->Stage = 2;
        LargePages.GatherRecords(state);
        if (!Extents.Build(state) || !BlockIndexBuilder.Build(state) || !AllocateTables(state)
            || !HintedBlocks.Prepare(state) || !PoolGaps.Build(state))
        {
            counters->Warnings |= (long)ScanWarning.TableOverflow;
            return;
        }

        LargePages.GatherBlocks(state);
        LinearReading.Open(state);
        Extents.FlagFragmented(state);
        ThreadStacks.Learn(state);
        StartTracing(state);
        CountUnparked(view, counters);
        Questions.Answerer.Prepare(state);

        view->Stage = 3;
        Marker.Aim(state);
        ParallelMarking.Start(state);
        RootScan.Run(state);
        view->Stage = 4;
        if (!Classifier.Run(state))
        {
            counters->Warnings |= (long)ScanWarning.TableOverflow;
        }

        ParallelMarking.End(state);
        LinearReading.Close(state);
        Questions.Answerer.Run(state);
        view->Stage = 5;
    }

    [MethodImpl(ChildCode.Options)]
    private static void CountUnparked(SnapshotView* view, ScanCounters* counters)
    {
        for (int i = 0; i < view->ThreadCount; i++)
        {
            if (view->Threads[i].State is ThreadParkState.Late or ThreadParkState.Blocking)
            {
                counters->Warnings |= (long)ScanWarning.ThreadsNotParked;
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static bool ReadMappings(ChildState* state)
    {
        if (state->Context->GivenMappings != null)
        {
            state->Mappings = state->Context->GivenMappings;
            state->MappingCount = state->Context->GivenMappingCount;
            return true;
        }

        byte* text = ChildArena.Allocate((nuint)TextByteCount);
        state->Mappings = (Mapping*)ChildArena.Allocate((nuint)MappingCapacity * (nuint)sizeof(Mapping));
        if (text == null || state->Mappings == null)
        {
            return false;
        }

        // The list that is read now shows these buffers: they are no roots, and they must not be given back before the
        // scan is over, or the index, which holds every block's address, could come to lie where the list shows memory.
        Disown(state, (nuint)state, (nuint)sizeof(ChildState));
        Disown(state, (nuint)text, (nuint)TextByteCount);
        Disown(state, (nuint)state->Mappings, (nuint)MappingCapacity * (nuint)sizeof(Mapping));
        nint length = MapsReader.Read(state->Context->SelfMapsPath, text, TextByteCount);

        // A full buffer may be a list that was cut: what is missing in it would be missing among the roots.
        state->MappingCount = length is <= 0 or >= TextByteCount ? -1 : MapsReader.Parse(text, length, state->Mappings, MappingCapacity);
        return state->MappingCount > 0;
    }

    // The table of own memory is a private copy here.
    [MethodImpl(ChildCode.Options)]
    private static void Disown(ChildState* state, nuint start, nuint byteCount)
    {
        if (state->Context->OwnCount < OwnMemory.Capacity)
        {
            state->Context->OwnRanges[state->Context->OwnCount++] = new MemoryRange(start, start + ((byteCount + 4095) & ~(nuint)4095));
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static bool AllocateTables(ChildState* state)
    {
        nuint blocks = (nuint)state->Index.Count + 1;
        state->InteriorSeen = (uint*)ChildArena.Allocate(2 * blocks * sizeof(uint));
        state->Holders = (HolderNote*)ChildArena.AllocateDense(blocks * (nuint)sizeof(HolderNote));
        state->Leader = (int*)ChildArena.AllocateDense(blocks * sizeof(int));
        state->SafeBuffer = ChildArena.Allocate(SafeBufferByteCount);
        state->SafeBufferByteCount = SafeBufferByteCount;
        return MarkerTables.Allocate(state) && state->InteriorSeen != null && state->Holders != null
            && state->Leader != null && state->SafeBuffer != null && Heuristics.Initialize(state);
    }

    [MethodImpl(ChildCode.Options)]
    private static void StartTracing(ChildState* state)
    {
        bool wanted = state->Context->ManagedHeap is ManagedHeapMode.Trace or ManagedHeapMode.Precise;
        state->Tracing = wanted && state->Context->Managed.CanTrace != 0 && ObjectTracer.Initialize(state) ? 1 : 0;
        if (wanted && state->Tracing == 0)
        {
            state->Context->Counters->Warnings |= (long)ScanWarning.ManagedHeapConservative;
        }
    }
}
