// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the switches of misuse detection, and what reports read.
// Who calls it: AllocationRecorder.Start prepares it, Startup configures it from the options, reports collect.
// The one idea: the hook stores numbers in bounded tables and goes on; names, families and sentences are made when a
// report is.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Misuse detection as a whole. Thread-safe.</summary>
internal static class MisuseDetector
{
    /// <summary>Why an option could not be honoured; null when all are.</summary>
    public static string? Limitation { get; private set; }

    /// <summary>Reserves the tables that every free needs. False when the system refuses; idempotent, cold.</summary>
    public static bool Initialize()
    {
        if (!RecentFrees.Initialize() || !FreePlaces.Initialize() || !FreePairs.Initialize() || !MisuseLog.Initialize())
        {
            return false;
        }

        HeapWords.Initialize();
        HeapChunk.Initialize();
        ThreadCaches.Initialize();
        FastLists.Initialize();
        FreeJudge.WarmUp();
        return true;
    }

    /// <summary>Sets how much is done to find misuse. Idempotent; a later call replaces an earlier one.</summary>
    /// <param name="quarantineByteCount">Bytes of freed blocks to hold back; 0 holds none.</param>
    /// <param name="poison">Whether blocks are filled when they are allocated and freed.</param>
    /// <param name="keepFreeStacks">Whether every free keeps its whole call stack.</param>
    public static void Configure(nuint quarantineByteCount, bool poison, bool keepFreeStacks)
        => Configure(quarantineByteCount, poison, keepFreeStacks, Platform.Pages);

    /// <summary>As the other, with pages that a test refuses.</summary>
    internal static void Configure(nuint quarantineByteCount, bool poison, bool keepFreeStacks, IPageSource pages)
    {
        bool isHolding = Quarantine.Configure(quarantineByteCount, pages);
        Limitation = isHolding ? null : "there is no quarantine: the system refused the memory for its table";
        FreeGate.Configure((isHolding && quarantineByteCount != 0) || poison, poison, keepFreeStacks);
    }

    /// <summary>Where the managed heap lies: an address there is never a block.</summary>
    public static void SetManagedHeap(MemoryRange range) => FreeJudge.SetManagedHeap(range);

    /// <summary>Checks the quarantine and copies all mistakes found so far. For reports; not inside a hook.</summary>
    public static MisuseEntry[] Collect()
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        Quarantine.Verify();
        return MisuseLog.Copy();
    }
}
