// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NativeLeak in this process: switched on as a peer needs it, and asked whether it really recorded.
// Who calls it: Program.cs, before anything of NativeLeak was touched.
// The one idea: a peer that is measured while it records nothing is worse than none, so each run proves what it did.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>The detector of this process.</summary>
internal static class Detector
{
    private const string Variable = "NATIVELEAK";

    /// <summary>Bytes of metadata in use, as the recorder counts them.</summary>
    public static nuint MetadataByteCount => RecordTable.Counters.MetadataByteCount;

    /// <summary>Call stacks told apart so far.</summary>
    public static int StackCount => SiteDepot.Count;

    /// <summary>Blocks that are recorded now.</summary>
    public static long LiveBlocks => RecordTable.Counters.LiveBlocks;

    /// <summary>Leaves the detector off: the state of a program in which NATIVELEAK is not set.</summary>
    /// <exception cref="InvalidOperationException">It is on already.</exception>
    public static void LeaveOff()
    {
        Environment.SetEnvironmentVariable(Variable, null);
        if (AllocationRecorder.IsRecording)
        {
            throw new InvalidOperationException("the detector was started from outside");
        }
    }

    /// <summary>Switches it on, at a level of NATIVELEAK, without scans and reports.</summary>
    /// <exception cref="InvalidOperationException">It does not record, or the hook is not in force.</exception>
    public static void Start(string level)
    {
        Environment.SetEnvironmentVariable(Variable, level);
        LeakDetector.Start(new LeakDetectorOptions { ReportAt = ReportOccasions.None, FirstScan = TimeSpan.Zero });
        if (!AllocationRecorder.IsRecording)
        {
            throw new InvalidOperationException($"the detector does not record: {AllocationRecorder.StartFailure}");
        }

        if (!RuntimeHook.IsInstalled)
        {
            throw new InvalidOperationException("the runtime hook is not in force");
        }
    }
}
