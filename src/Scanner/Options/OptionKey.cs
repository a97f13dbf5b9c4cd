// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>Every option of this build, in the order the help prints them; the value is the index into the
/// table.</summary>
internal enum OptionKey
{
    LogPath,
    Format,
    ExitCode,
    FailOn,
    ReportAt,
    Checkpoint,
    MinimumAge,
    MinimumUnreferencedScans,
    MaximumLeaks,
    StackDepth,
    SampleInterval,
    MaximumTrackerMemory,
    FirstScan,
    ScanInterval,
    Scan,
    Hook,
    ManagedHeap,
    Interior,
    Heuristics,
    Suppressions,
    PrintSuppressions,
    GenerateSuppressions,
    Baseline,
    Quarantine,
    Poison,
    Control,
    Verbosity,
    Help,
    Inherit,
    Processes,
    ExcludeProcesses,
}
