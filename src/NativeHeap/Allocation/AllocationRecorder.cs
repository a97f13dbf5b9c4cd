// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one recorder that every tier ends in: an allocation becomes a record, a free removes it.
// Who calls it: TrackedMemory, TrackedMarshal, the bodies of the runtime hook.
// The one idea: record after the C heap allocated, remove before it frees: an address has a record only while the block
// is certainly there, so a record never describes memory that another thread already has.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Records allocations. Every member is thread-safe and throws nothing.</summary>
internal static class AllocationRecorder
{
    private static readonly Lock s_start = new();
    private static volatile bool s_isRecording;

    /// <summary>
    /// Whether allocations are recorded. Once true it stays true, also when metadata memory has run out.
    /// </summary>
    public static bool IsRecording
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_isRecording;
    }

    /// <summary>Why <see cref="Start"/> did not start; null when it did or was not called.</summary>
    public static string? StartFailure { get; private set; }

    /// <summary>
    /// Prepares every part and starts recording. Idempotent; milliseconds. What goes wrong is in <see
    /// cref="StartFailure"/>.
    /// </summary>
    /// <param name="stackDepth">Frames that tell allocation sites apart, 1 … 64.</param>
    public static void Start(int stackDepth)
    {
        lock (s_start)
        {
            if (s_isRecording)
            {
                return;
            }

            using DetectorThread.Scope scope = DetectorThread.Enter();
            try
            {
                CHeap.Initialize();
                CoarseClock.Start();
                StackWalker.Initialize();
                bool isReady = ThreadNumbers.Initialize() && SiteDepot.Initialize(stackDepth)
                    && RecordTable.Initialize();
                StartFailure = isReady
                    ? null
                    : "the system refused the memory for the detector's tables";
                // The first trace loads and compiles much; better here than inside somebody's allocation.
                _ = SiteStack.From(new System.Diagnostics.StackTrace(fNeedFileInfo: false).GetFrames(), default, 1);
                _ = FrameLearner.IsAvailable;
            }
            catch (Exception failure)
            {
                StartFailure = failure.Message;
            }

            // Order: after everything above; pairs with the reads of IsRecording.
            s_isRecording = StartFailure is null;
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

    /// <summary>As the other, for a caller that knows its caller's stack pointer too.</summary>
    internal static void OnAllocated(nuint address, nuint byteCount, AllocationApi api, BlockFlags flags,
        in AllocationCall call)
    {
        if (address != 0 && s_isRecording && !DetectorThread.IsInside)
        {
            ushort thread = ThreadNumbers.Current;
            uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out BlockFlags siteFlags);
            RecordTable.Insert(address, byteCount, api, flags | siteFlags, site, thread);
        }
    }

    /// <summary>A block is about to be freed. Called before the C heap frees; address 0 does nothing.</summary>
    public static void OnFreeing(nuint address) => OnFreeing(address, out _);

    /// <summary>
    /// As <see cref="OnFreeing(nuint)"/>; tells the block's size, or <see cref="nuint.MaxValue"/> when it has no
    /// record.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void OnFreeing(nuint address, out nuint byteCount)
    {
        byteCount = nuint.MaxValue;
        if (address == 0 || !s_isRecording)
        {
            return;
        }

        if (RecordTable.TryRemove(address, out BlockRecord removed))
        {
            byteCount = removed.BlockByteCount;
        }
        else if (!DetectorThread.IsInside)
        {
            RecordTable.CountUnknownFree();
        }
    }

    /// <summary>A block is about to be reallocated; pass the ticket to OnReallocated.</summary>
    public static ReallocTicket OnReallocating(nuint address)
    {
        if (address == 0 || !s_isRecording)
        {
            return default;
        }

        if (RecordTable.TryRemove(address, out BlockRecord removed))
        {
            return new ReallocTicket(in removed);
        }

        if (!DetectorThread.IsInside)
        {
            RecordTable.CountUnknownFree();
        }

        return default;
    }

    /// <summary>
    /// The C heap's realloc returned. 0 with a size that is not 0 means it failed: the old record is put back
    /// unchanged. 0 with size 0 means the block was freed. Else the block counts as new: site, birth and ordinal are of
    /// now.
    /// </summary>
    public static void OnReallocated(in ReallocTicket ticket, nuint newAddress, nuint newByteCount, AllocationApi api,
        BlockFlags flags, nuint framePointer, nuint returnAddress)
        => OnReallocated(in ticket, newAddress, newByteCount, api, flags,
            new AllocationCall(framePointer, returnAddress, 0));

    /// <summary>As the other, for a caller that knows its caller's stack pointer too.</summary>
    internal static void OnReallocated(in ReallocTicket ticket, nuint newAddress, nuint newByteCount, AllocationApi api,
        BlockFlags flags, in AllocationCall call)
    {
        if (newAddress != 0)
        {
            OnAllocated(newAddress, newByteCount, api, flags, in call);
        }
        else if (newByteCount != 0 && ticket.HasRecord)
        {
            RecordTable.Restore(in ticket.Record);
        }
    }
}
