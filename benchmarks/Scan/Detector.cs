// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Benchmarks.Scan;

/// <summary>The detector of this process.</summary>
internal static class Detector
{
    /// <summary>Switches it on, without scans and reports of its own.</summary>
    /// <exception cref="InvalidOperationException">It does not record.</exception>
    public static void Start()
    {
        Environment.SetEnvironmentVariable("NATIVELEAK", "on");
        LeakDetector.Start(new LeakDetectorOptions { ReportAt = ReportOccasions.None, FirstScan = TimeSpan.Zero });
        if (!AllocationRecorder.IsRecording)
        {
            throw new InvalidOperationException($"the detector does not record: {AllocationRecorder.StartFailure}");
        }
    }
}
