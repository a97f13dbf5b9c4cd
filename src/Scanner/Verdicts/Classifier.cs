// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from marks to verdicts, and the list of everything that is not reachable.
// Who calls it: ChildScan, last.
// Safety: indices stay below the index's Count; entries below LostCapacity.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Roots;

namespace NativeLeak.Verdicts;

/// <summary>Decides each block and writes the lost ones into the shared list.</summary>
[ChildCode]
internal static unsafe class Classifier
{
    /// <summary>The phases after the roots: interior pointers, youth, lost groups; then the list.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Run(ChildState* state)
    {
        HintPhases.MarkIgnored(state);
        MarkPossible(state);
        MarkFreed(state);
        HintPhases.MarkTransient(state);
        MarkYoung(state);
        LostGraph.Build(state);
        return Write(state);
    }

    // What only interior pointers reach, and what hangs from that.
    [MethodImpl(ChildCode.Options)]
    private static void MarkPossible(ChildState* state)
    {
        state->Level = MarkLevel.Weak;
        for (int i = 0; i < state->InteriorSeenCount; i++)
        {
            Seed(state, (int)state->InteriorSeen[i], Reach.Weak);
        }

        Marker.Drain(state);
    }

    // Before anything unreached is followed: a freed block's contents are somebody else's.
    [MethodImpl(ChildCode.Options)]
    private static void MarkFreed(ChildState* state)
    {
        BlockIndex* index = &state->Index;
        ScanCounters* counters = state->Context->Counters;
        for (int i = 0; i < index->Count; i++)
        {
            byte reach = (byte)(index->State[i] & Reach.Mask);
            if (reach is not (Reach.None or Reach.Weak))
            {
                continue;
            }

            if (FreeChunks.IsFreed(state, i))
            {
                index->State[i] |= Reach.Stale;
            }

            if (state->Context->GivenStarts != null && !LiveBlocks.IsSame(state, i))
            {
                // Freed by the application while it was scanned: asked last, since the record goes first.
                index->State[i] |= Reach.Stale;
            }
            else if ((index->State[i] & Reach.Stale) != 0)
            {
                counters->FreedBehindOurBack.Blocks++;
                counters->FreedBehindOurBack.Bytes += (long)ByteCount(state, i);
            }
        }
    }

    // A block too young to be judged may be on its way to its holder: neither it nor what it leads to is called lost.
    [MethodImpl(ChildCode.Options)]
    private static void MarkYoung(ChildState* state)
    {
        ScanContext* context = state->Context;
        if (context->MinimumAgeTicks == 0)
        {
            return;
        }

        state->Level = MarkLevel.Young;
        for (int i = 0; i < state->Index.Count; i++)
        {
            // Ticks wrap: the difference is the age; a block born after the scan's clock was read has a negative one.
            if (LostGraph.IsLost(state, i) && (int)(context->NowTick - BirthTick(state, i)) < (int)context->MinimumAgeTicks)
            {
                Seed(state, i, Reach.Young);
            }
        }

        Marker.Drain(state);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Seed(ChildState* state, int block, byte reach)
    {
        if ((state->Index.State[block] & (Reach.Mask | Reach.Stale)) == Reach.None)
        {
            Marker.Reached(state, block, reach);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint ByteCount(ChildState* state, int block)
        => PackedRecord.ReadByteCount(Record(state, block), state->Context->Records.Entries);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint BirthTick(ChildState* state, int block)
        => PackedRecord.FullBirthTick((uint)(Record(state, block)->Ordinal >> PackedRecord.SequenceBits),
            state->Context->NowTick);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static PackedRecord* Record(ChildState* state, int block)
        => state->Context->Records.Entries + state->Index.Record[block];

    /// <summary>The verdict on a block.</summary>
    [MethodImpl(ChildCode.Options)]
    public static Verdict VerdictOf(ChildState* state, int block) => (byte)(state->Index.State[block] & Reach.Mask) switch
    {
        Reach.Strong or Reach.Frail => Verdict.Reachable,
        Reach.Weak => Verdict.Possible,
        Reach.Young => Verdict.Young,
        Reach.Ignored => Verdict.Ignored,
        _ => state->Leader[block] == block ? Verdict.Definite : Verdict.Indirect,
    };

    [MethodImpl(ChildCode.Options)]
    private static bool Write(ChildState* state)
    {
        nuint listByteCount = ((nuint)state->Index.Count + 1) * sizeof(uint), denseByteCount = ChildArena.DenseByteCount(listByteCount);
        uint* entryOf = (uint*)ChildArena.AllocateDense(listByteCount);
        uint* listed = (uint*)ChildArena.Allocate(listByteCount);
        if (entryOf == null || listed == null)
        {
            return false;
        }

        // Definite first: an indirect entry names its leader's.
        int count = CountReachable(state, listed);
        WriteKind(state, Verdict.Definite, listed, count, entryOf);
        WriteKind(state, Verdict.Possible, listed, count, entryOf);
        WriteKind(state, Verdict.Indirect, listed, count, entryOf);
        WriteKind(state, Verdict.Young, listed, count, entryOf);
        ScanCounters* counters = state->Context->Counters;
        HintPhases.CountIgnored(state);
        counters->BlockBytes = counters->Reachable.Bytes + counters->Possible.Bytes + counters->Young.Bytes
            + counters->Ignored.Bytes;
        HolderTable.Remember(state);
        ChildArena.Free(entryOf, denseByteCount);
        ChildArena.Free(listed, listByteCount);
        return true;
    }

    // One pass over all blocks: most are reachable. The others are listed.
    [MethodImpl(ChildCode.Options)]
    private static int CountReachable(ChildState* state, uint* listed)
    {
        BlockIndex* index = &state->Index;
        ScanCounters* counters = state->Context->Counters;
        double interval = state->Context->SampleInterval;
        KindTotal reachable = default;
        int count = 0;
        for (int i = 0; i < index->Count; i++)
        {
            byte marks = index->State[i];
            bool isFrail = (marks & Reach.Mask) == Reach.Frail;
            if ((marks & Reach.Stale) != 0 || (!isFrail && (marks & Reach.Mask) != Reach.Strong))
            {
                listed[count] = (uint)i;
                count += (marks & Reach.Stale) == 0 ? 1 : 0;
                continue;
            }

            // A block of no bytes has one in the index.
            nuint byteCount = index->End[i] - index->Start[i];
            byteCount = byteCount == 1 ? ByteCount(state, i) : byteCount;
            reachable.Blocks++;
            reachable.Bytes += (long)byteCount;
            if (interval > 0)
            {
                SampleWeight.Add(ref reachable.Estimate, byteCount, interval);
            }

            counters->Held.FrailBlocks += isFrail ? 1 : 0;
            counters->Held.FrailBytes += isFrail ? (long)byteCount : 0;
        }

        if (!(interval > 0))
        {
            // Every block stands for itself.
            reachable.Estimate.Blocks = reachable.Blocks;
            reachable.Estimate.Bytes = reachable.Bytes;
        }

        counters->Reachable = reachable;
        return count;
    }

    [MethodImpl(ChildCode.Options)]
    private static void WriteKind(ChildState* state, Verdict kind, uint* listed, int count, uint* entryOf)
    {
        ScanContext* context = state->Context;
        ScanCounters* counters = context->Counters;
        KindTotal* total = kind switch
        {
            Verdict.Definite => &counters->Definite,
            Verdict.Indirect => &counters->Indirect,
            Verdict.Possible => &counters->Possible,
            _ => &counters->Young,
        };

        for (int at = 0; at < count; at++)
        {
            int i = (int)listed[at];
            if (VerdictOf(state, i) != kind)
            {
                continue;
            }

            nuint byteCount = ByteCount(state, i);
            total->Blocks++;
            total->Bytes += (long)byteCount;
            SampleWeight.Add(ref total->Estimate, byteCount, context->SampleInterval);
            if ((total->Blocks & 0xFFFF) == 0)
            {
                state->View->Progress++;
            }

            int leader = kind == Verdict.Indirect ? state->Leader[i] : i;
            if (kind == Verdict.Indirect && entryOf[leader] != 0)
            {
                LostBlock* head = context->Lost + entryOf[leader] - 1;
                head->IndirectBlocks++;
                head->IndirectBytes += byteCount;
            }

            if (counters->LostCount < context->LostCapacity)
            {
                uint entry = (uint)counters->LostCount++;
                entryOf[i] = entry + 1;
                WriteEntry(state, context->Lost + entry, i, kind, entryOf[leader] == 0 ? uint.MaxValue : entryOf[leader] - 1);
                LostDetail.Write(state, entry, i, kind);
            }
        }
    }

    /// <summary>Writes what is known of a block.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void WriteEntry(ChildState* state, LostBlock* entry, int block, Verdict verdict, uint leader)
    {
        PackedRecord* record = Record(state, block);
        nuint address = state->Index.Start[block];
        entry->Address = address;
        entry->BlockByteCount = ByteCount(state, block);
        entry->IndirectBlocks = 0; // a look before this one may have written here
        entry->IndirectBytes = 0;
        entry->Site = record->Site;
        entry->Ordinal = ((ulong)BirthTick(state, block) << PackedRecord.SequenceBits)
            | (record->Ordinal & ((1ul << PackedRecord.SequenceBits) - 1));
        entry->ThreadNumber = RecordStateWord.Thread(record->StateWord);
        entry->Verdict = verdict;
        entry->Api = (byte)RecordStateWord.Api(record->StateWord);
        entry->Flags = (byte)RecordStateWord.Flags(record->StateWord);
        entry->Leader = leader;
        entry->HolderAddress = verdict == Verdict.Possible ? state->Holders[block].Address : 0;
        entry->HolderValue = verdict == Verdict.Possible ? state->Holders[block].Value : 0;
        nint wanted = entry->BlockByteCount < LostBlock.SampleByteCount ? (nint)entry->BlockByteCount : LostBlock.SampleByteCount;
        nint got = Peek.CopyMarked(state, address, entry->Sample, wanted);
        entry->SampleCount = (byte)(got < 0 ? 0 : got);
        entry->Checksum = state->Context->WantsChecksums != 0 && verdict != Verdict.Young
            ? ContentChecksum.Of(state, address, entry->BlockByteCount)
            : 0;
    }
}
