// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one recorder that every tier ends in: an allocation becomes a record, a free removes it.
// Who calls it: TrackedMemory, TrackedMarshal, the bodies of the runtime hook.
// The one idea: record after the C heap allocated, remove before it frees: an address has a record only while the block
// is certainly there, so a record never describes memory that another thread already has.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Records allocations. Every member is thread-safe and throws nothing.</summary>
internal static class AllocationRecorder
{
    private static readonly Lock s_start = new();
    private static volatile bool s_isRecording;

    // What OnAllocated asks first: the one branch of the level.
    private static volatile BlockIntake s_intake;

    /// <summary>
    /// Whether blocks have records. Once true it stays true, also when recording is stopped or has ended: frees of
    /// recorded blocks are always processed.
    /// </summary>
    public static bool IsRecording
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_isRecording;
    }

    /// <summary>Why <see cref="Start(in RecorderSettings)"/> did not start; null when it did or was not called.</summary>
    public static string? StartFailure { get; private set; }

    /// <summary>What the first start asked for.</summary>
    public static RecorderSettings Settings { get; private set; }

    /// <summary>
    /// Whether every block that was allocated since the start has or had a record, so that an address without one is
    /// news: not while sampling, and not after a gap.
    /// </summary>
    public static bool KnowsEveryBlock => s_intake == BlockIntake.Every && RecordingGaps.StopCount == 0;

    /// <summary>As the other, recording every block.</summary>
    /// <param name="stackDepth">Frames that tell allocation sites apart, 1 … 64.</param>
    public static void Start(int stackDepth) => Start(new RecorderSettings(stackDepth));

    /// <summary>
    /// Prepares every part and starts recording; after <see cref="Stop"/>, goes on with the settings of the first time.
    /// Idempotent; milliseconds. What goes wrong is in <see cref="StartFailure"/>.
    /// </summary>
    public static void Start(in RecorderSettings settings)
    {
        lock (s_start)
        {
            if (s_isRecording)
            {
                Resume();
                return;
            }

            using DetectorThread.Scope scope = DetectorThread.Enter();
            try
            {
                Settings = settings;
                RecorderPages.Source.ByteLimit = settings.MetadataByteLimit;
                AllocationSampler.Initialize(settings.SampleIntervalByteCount);
                RecordingGaps.Initialize();
                CHeap.Initialize();
                CoarseClock.Start();
                StackWalker.Initialize();
                ThreadBlocks.Initialize();
                RecorderGates.Initialize();
                bool isReady = ThreadNumbers.Initialize() && SiteDepot.Initialize(settings.StackDepth)
                    && RecordTable.Initialize() && MisuseDetector.Initialize();
                RecorderPages.Source.BeginCharging();
                StartFailure = isReady
                    ? null
                    : "the system refused the memory for the detector's tables";
            }
            catch (Exception failure)
            {
                StartFailure = failure.Message;
            }

            // Order: after everything above; pairs with the reads of IsRecording. Frees before allocations, so that no
            // block is recorded whose free would be missed.
            s_isRecording = StartFailure is null;
            FreeGate.Open();
            if (s_isRecording)
            {
                Resume();
            }
        }
    }

    /// <summary>
    /// Names a stack, so that what the first trace loads and compiles (milliseconds) is there before somebody's allocation needs
    /// it. Not at the start: a program that allocates nothing, or ends at once, never needs it.
    /// </summary>
    public static void WarmUp()
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            if (s_isRecording)
            {
                SiteNamer.WarmUp(SiteDepot.Depth);
            }
        }
        catch (Exception)
        {
            // The first new stack will try again, and count what goes wrong.
        }
    }

    /// <summary>
    /// Records no new block until the next start. Recorded blocks stay known and their frees are processed; blocks that
    /// come meanwhile are counted (<see cref="RecordingGaps"/>) and stay unknown.
    /// </summary>
    public static void Stop()
    {
        lock (s_start)
        {
            if (s_intake != BlockIntake.None)
            {
                SetIntake(BlockIntake.None);
                RecordingGaps.NoteStop();
            }
        }
    }

    /// <summary>A block was allocated. Called after the C heap returned; address 0 (it failed) does nothing.</summary>
    /// <param name="address">Start of the block.</param>
    /// <param name="byteCount">Bytes asked for.</param>
    /// <param name="api">The API, if known here.</param>
    /// <param name="flags">Flags of the block.</param>
    /// <param name="framePointer">RBP of the method that called the API (or the native export), which has a
    /// frame.</param>
    /// <param name="returnAddress">Address in that method.</param>
    public static void OnAllocated(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags,
        nuint framePointer, nuint returnAddress)
        => OnAllocated(address, byteCount, api, flags, new AllocationCall(framePointer, returnAddress, 0));

    /// <summary>Records a block as it nearly always goes. False: nothing was done, call
    /// <see cref="OnAllocated(ThreadBlock*, nuint, nuint, AllocationApi, BlockFlags, nuint, nuint, nuint)"/>.</summary>
    /// <param name="thread">The calling thread's block, or null.</param>
    /// <param name="slot">What <see cref="RecordTable.Approach"/> answered for the block.</param>
    /// <param name="address">Start of the block.</param>
    /// <param name="byteCount">Bytes asked for.</param>
    /// <param name="api">The API, if known here.</param>
    /// <param name="flags">Flags of the block.</param>
    /// <param name="framePointer">As in <see cref="AllocationCall"/>; where there is no stack pointer, above the caller's own
    /// frame for certain.</param>
    /// <param name="returnAddress">As in <see cref="AllocationCall"/>.</param>
    /// <param name="stackPointer">As in <see cref="AllocationCall"/>; above the caller's own frame for certain.</param>
    // Safety: the slot is only handed from the table to the table; the thread is the caller's.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe bool TryRecord(ThreadBlock* thread, uint* slot, nuint address, nuint byteCount,
        AllocationApi api, BlockFlags flags, nuint framePointer, nuint returnAddress, nuint stackPointer)
    {
        return thread != null
            && TryRecord(thread, Recall(thread, framePointer, returnAddress, stackPointer), slot, address, byteCount, api, flags);
    }

    /// <summary>The word of the site of a stack that is as it was at the thread's last allocation; else 0. A caller that can asks
    /// before it calls the C heap: frames that were just pushed stand in the processor's store buffer, and the comparison
    /// waits for them; there it waits beside the heap's own loads, not behind them.</summary>
    /// <param name="thread">The calling thread's block.</param>
    /// <param name="framePointer">As for the other.</param>
    /// <param name="returnAddress">As for the other.</param>
    /// <param name="stackPointer">As for the other.</param>
    // Safety: as in WalkMemo.Recall.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe uint Recall(ThreadBlock* thread, nuint framePointer, nuint returnAddress, nuint stackPointer)
        => WalkMemo.Recall(thread->Memo, framePointer, returnAddress, stackPointer, thread->StackEnd);

    /// <summary>As the other, with what <see cref="Recall"/> answered.</summary>
    // Safety: as in the other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe bool TryRecord(ThreadBlock* thread, uint siteWord, uint* slot, nuint address, nuint byteCount,
        AllocationApi api, BlockFlags flags)
        => SiteDepot.IsPlain(siteWord) && thread->Scope == 0 && s_intake == BlockIntake.Every && slot != null
            && CoarsePage.Stands(&thread->Clock.Now) && RecordTable.Store is { } store
            && store.TryInsert(slot, address, byteCount, siteWord, RecordStateWord.LiveAs(thread->Live, api, flags),
                thread->Stripe, thread->Clock.Tick);

    /// <summary>As the others, for a caller that looked for its thread's block.</summary>
    // Safety: as in OnAllocated.
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static unsafe void OnAllocated(ThreadBlock* thread, nuint address, nuint byteCount, AllocationApi api,
        BlockFlags flags, nuint framePointer, nuint returnAddress, nuint stackPointer)
    {
        thread = thread != null ? thread : ThreadBlocks.Find();
        if (thread == null || thread->Scope != 0 || s_intake != BlockIntake.Every || address == 0)
        {
            OnAllocated(address, byteCount, api, flags, new AllocationCall(framePointer, returnAddress, stackPointer));
            return;
        }

        CoarseClock.Keep(&thread->Clock);
        uint* slot = RecordTable.Approach(address);
        uint site = SiteDepot.InternWalked(framePointer, returnAddress, stackPointer, thread->StackEnd, thread->Memo);
        if (!RecordTable.Insert(slot, address, byteCount, api, flags | SiteDepot.FlagsOf(site), SiteDepot.SiteOf(site),
            ThreadNumbers.Current))
        {
            EndIfFull();
        }
    }

    /// <summary>As the other, for a caller that knows its caller's stack pointer too.</summary>
    // Safety: the slot is only handed from the table to the table.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void OnAllocated(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags,
        in AllocationCall call)
    {
        if (address != 0 && DetectorThread.IsPlain && (s_intake == BlockIntake.Every || Takes(byteCount)))
        {
            uint* slot = RecordTable.Approach(address);
            ushort thread = ThreadNumbers.Current;
            uint site = call.Site != 0 ? call.Site : SiteDepot.Intern(in call, StackWalker.StackEnd, thread);
            if (!RecordTable.Insert(slot,
                address, byteCount, api, flags | SiteDepot.FlagsOf(site), SiteDepot.SiteOf(site), thread))
            {
                EndIfFull();
            }
        }
        else if (!DetectorThread.IsPlain)
        {
            OnAllocatedInScope(address, byteCount, api, flags, in call);
        }
    }

    // Safety: as in OnAllocated.
    // Inside LeakScope.Disable or a check, or in the detector's own work.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void OnAllocatedInScope(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags,
        in AllocationCall call)
    {
        if (address == 0 || DetectorThread.IsInside || (s_intake != BlockIntake.Every && !Takes(byteCount)))
        {
            return;
        }

        using DetectorThread.Scope scope = DetectorThread.Enter();
        bool isDisabled = ScopeState.IsDisabled;
        BlockFlags siteFlags = BlockFlags.None;
        uint site = call.Site != 0 ? call.Site : SiteDepot.Intern(in call, StackWalker.StackEnd, out siteFlags);
        flags |= siteFlags | (isDisabled ? BlockFlags.Ignored : BlockFlags.None);
        if (!RecordTable.Insert(
            RecordTable.Approach(address), address, byteCount, api, flags, site, ThreadNumbers.Current))
        {
            EndIfFull();
        }
        else if (!isDisabled && ThreadState.Check != 0)
        {
            CheckScopes.Note(address);
        }
    }

    // Under the start lock. Irreversible: where metadata could not be had once, the table has holes (kmemleak's rule).
    private static void Resume()
    {
        if (!RecordingGaps.IsSwitchedOff)
        {
            SetIntake(Settings.SampleIntervalByteCount > 0 ? BlockIntake.Sampled : BlockIntake.Every);
            // An end that came between the two lines above.
            EndIfFull();
        }
    }

    /// <summary>Ends recording for good when metadata memory ran out.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void EndIfFull()
    {
        if (RecordTable.IsFull)
        {
            SetIntake(BlockIntake.None);
            RecordingGaps.SwitchOff();
        }
    }

    private static void SetIntake(BlockIntake intake)
    {
        s_intake = intake;
        RecorderGates.SetIntake(intake == BlockIntake.Every);
    }

    // Every level but the one that records each block.
    private static bool Takes(nuint byteCount)
    {
        if (s_intake == BlockIntake.Sampled)
        {
            return AllocationSampler.Takes(byteCount);
        }

        if (s_isRecording)
        {
            RecordingGaps.CountMissed();
        }

        return false;
    }

    /// <summary>Counts a free without a record; not while sampling, when most blocks have none.</summary>
    internal static void CountUnknownFree()
    {
        if (Settings.SampleIntervalByteCount == 0)
        {
            RecordTable.CountUnknownFree();
        }
    }
}
