// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Options;

namespace NativeLeak;

/// <summary>
/// How the detector works and reports. A new instance holds what the environment says (defaults, then runtimeconfig
/// properties <c>NativeLeak.*</c>, then NATIVELEAK_OPTIONS, then NATIVELEAK_KEY variables); a property set in code wins
/// over all of them.
/// </summary>
/// <remarks>Not thread-safe while it is being filled; the detector copies nothing and reads it only after
/// <see cref="LeakDetector.Start"/>: do not change it afterwards. The layered options are the sanitizers' habit
/// (ASAN_OPTIONS with compiled-in defaults).</remarks>
public sealed class LeakDetectorOptions
{
    private readonly OptionSet _set;

    /// <summary>Reads the environment. Never throws: a text that cannot be used becomes a warning in the
    /// report.</summary>
    public LeakDetectorOptions()
        : this(OptionReader.Read(new ProcessOptionSource(), isStartedByVariable: false))
    {
    }

    internal LeakDetectorOptions(OptionSet set) => _set = set;

    /// <summary>How much is recorded. Default: what NATIVELEAK says, or else <see cref="DetectorLevel.On"/>. Read once,
    /// when recording starts; with <see cref="DetectorLevel.Off"/> nothing starts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a value that is no level.</exception>
    public DetectorLevel Level
    {
        get => _set.Level;
        set
        {
            if (!Enum.IsDefined(value))
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "This is no level.");
            }

            _set.SetLevel(value, OptionOrigin.Code);
        }
    }

    /// <summary>At <see cref="DetectorLevel.Sample"/>: the mean number of bytes between two samples. 0 takes every
    /// block. Default: 512 KiB. Read once, when recording starts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public long SampleIntervalBytes
    {
        get => _set.Get<long>(OptionKey.SampleInterval);
        set => AssignByteCount(OptionKey.SampleInterval, value);
    }

    /// <summary>Most bytes of memory for records, their index and call stacks; 0 (default): no limit. When it is used
    /// up, or the system gives no more, recording ends for good: new blocks are not recorded, and reports are
    /// inconclusive. Read once, when recording starts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public long MaximumTrackerMemoryBytes
    {
        get => _set.Get<long>(OptionKey.MaximumTrackerMemory);
        set => AssignByteCount(OptionKey.MaximumTrackerMemory, value);
    }

    /// <summary>Where reports go: <c>stderr</c> (the default) or a file, in whose name {app}, {pid} and {time} are
    /// filled in.</summary>
    /// <exception cref="ArgumentException">Set to an empty text.</exception>
    public string LogPath
    {
        get => _set.Get<string>(OptionKey.LogPath);
        set
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(value);
            Assign(OptionKey.LogPath, value);
        }
    }

    /// <summary>Form of the report. Default: text.</summary>
    public ReportFormat Format
    {
        get => _set.Get<ReportFormat>(OptionKey.Format);
        set => Assign(OptionKey.Format, value);
    }

    /// <summary>The exit code that replaces 0 when <see cref="FailOn"/> is met: 0 … 255, default 23.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a number out of range.</exception>
    public int ExitCode
    {
        get => _set.Get<int>(OptionKey.ExitCode);
        set => AssignNumber(OptionKey.ExitCode, value);
    }

    /// <summary>What an exit report must contain to change an exit code of 0. Default: definite leaks.</summary>
    public FailOn FailOn
    {
        get => _set.Get<FailOn>(OptionKey.FailOn);
        set => Assign(OptionKey.FailOn, value);
    }

    /// <summary>When reports are written that nobody asks for. Default: whenever one can be.</summary>
    public ReportOccasions ReportAt
    {
        get => _set.Get<ReportOccasions>(OptionKey.ReportAt);
        set => Assign(OptionKey.ReportAt, value);
    }

    /// <summary>Time between checkpoints: reports that are written while the program runs, also whenever the bytes of live
    /// blocks have doubled, so that one is there when the process is killed (SIGKILL, out of memory). A file holds the last of
    /// them until the report of the exit replaces it; on stderr only what is new is told. Zero, the default: none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative time.</exception>
    public TimeSpan Checkpoint
    {
        get => (TimeSpan)_set.Get(OptionKey.Checkpoint);
        set => AssignTime(OptionKey.Checkpoint, value);
    }

    /// <summary>Younger blocks are not judged by a scan while the program runs (an exit scan judges all). Default: 5 s,
    /// as in kmemleak.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative time.</exception>
    public TimeSpan MinimumAge
    {
        get => (TimeSpan)_set.Get(OptionKey.MinimumAge);
        set => AssignTime(OptionKey.MinimumAge, value);
    }

    /// <summary>How many scheduled scans after the first one must find a block unreachable, with the same content, before it
    /// is reported: 0 … 100, default 1. A scan with new suspects is followed by a second one after 250 ms, so that 1 costs a
    /// leak no more than that. 0 reports at once. Scans on request and at exit report at once always. From kmemleak
    /// (min_unref_scans and its checksum).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a number out of range.</exception>
    public int MinimumUnreferencedScans
    {
        get => _set.Get<int>(OptionKey.MinimumUnreferencedScans);
        set => AssignNumber(OptionKey.MinimumUnreferencedScans, value);
    }

    /// <summary>How many leak groups a report lists; the rest is counted. 0 lists all. Default: 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public int MaximumLeaks
    {
        get => _set.Get<int>(OptionKey.MaximumLeaks);
        set => AssignNumber(OptionKey.MaximumLeaks, value);
    }

    /// <summary>How many frames of a call stack tell allocation sites apart: 1 … 64; default 16, at level
    /// count 5, at level paranoid 64. Read once, when recording starts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a number out of range.</exception>
    public int StackDepth
    {
        get => _set.Get<int>(OptionKey.StackDepth);
        set => AssignNumber(OptionKey.StackDepth, value);
    }

    /// <summary>When the first scheduled scan runs; zero: there are no scheduled scans. Default: 60 s, as in
    /// kmemleak.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative time.</exception>
    public TimeSpan FirstScan
    {
        get => (TimeSpan)_set.Get(OptionKey.FirstScan);
        set => AssignTime(OptionKey.FirstScan, value);
    }

    /// <summary>Time between scheduled scans; zero: only the first. Default: 600 s, as in kmemleak.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative time.</exception>
    public TimeSpan ScanInterval
    {
        get => (TimeSpan)_set.Get(OptionKey.ScanInterval);
        set => AssignTime(OptionKey.ScanInterval, value);
    }

    /// <summary>How a scan reads the process. Default: from a copy where the system allows one, else while it runs.</summary>
    public ScanMode Scan
    {
        get => _set.Get<ScanMode>(OptionKey.Scan);
        set => Assign(OptionKey.Scan, value);
    }

    /// <summary>Whether the runtime's own allocation functions are redirected, so that every managed allocation is seen.
    /// Default: yes. Without, only calls of <see cref="TrackedMemory"/> and <see cref="TrackedMarshal"/> and those that the
    /// package's interceptors lead there are seen, and only where the variable NATIVELEAK is set. Read once, at the first
    /// start of the process.</summary>
    public bool HooksRuntime
    {
        get => _set.Get<bool>(OptionKey.Hook);
        set => Assign(OptionKey.Hook, value);
    }

    /// <summary>How a scan reads the managed heap. Default: by tracing objects.</summary>
    public ManagedHeapMode ManagedHeap
    {
        get => _set.Get<ManagedHeapMode>(OptionKey.ManagedHeap);
        set => Assign(OptionKey.ManagedHeap, value);
    }

    /// <summary>Whether a pointer into a block keeps it as surely as one to its start. Default: no; such a block is a
    /// <em>possible</em> leak, as in Valgrind.</summary>
    public bool InteriorPointersKeepBlocks
    {
        get => _set.Get<bool>(OptionKey.Interior);
        set => Assign(OptionKey.Interior, value);
    }

    /// <summary>By which signs a pointer into a block counts as one to its start. Default: none; such a block is a
    /// <em>possible</em> leak. Reports say how many blocks each saved.</summary>
    public InteriorHeuristics Heuristics
    {
        get => _set.Get<InteriorHeuristics>(OptionKey.Heuristics);
        set => Assign(OptionKey.Heuristics, value & InteriorHeuristics.All);
    }

    /// <summary>Files that say which leaks are known and not reported: paths, separated by commas or semicolons. They are read for
    /// each report; what is wrong in them is a warning of the report. Default: none.</summary>
    /// <exception cref="ArgumentNullException">Set to null.</exception>
    public string Suppressions
    {
        get => _set.Get<string>(OptionKey.Suppressions);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Assign(OptionKey.Suppressions, value);
        }
    }

    /// <summary>Whether a text report says what suppressions hid. Default: yes, as in LeakSanitizer.</summary>
    public bool PrintsSuppressions
    {
        get => _set.Get<bool>(OptionKey.PrintSuppressions);
        set => Assign(OptionKey.PrintSuppressions, value);
    }

    /// <summary>Whether a text report shows for each leak the line that would suppress it. Default: no.</summary>
    public bool GeneratesSuppressions
    {
        get => _set.Get<bool>(OptionKey.GenerateSuppressions);
        set => Assign(OptionKey.GenerateSuppressions, value);
    }

    /// <summary>The file of leaks that are accepted (<see cref="ReportFormat.Baseline"/>, or a JSON report): reports say which are new
    /// and which have grown. It is read for each report; what is wrong with it is a warning of the report, and every leak is new then.
    /// Empty, the default: none.</summary>
    /// <exception cref="ArgumentNullException">Set to null.</exception>
    public string Baseline
    {
        get => _set.Get<string>(OptionKey.Baseline);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Assign(OptionKey.Baseline, value);
        }
    }

    /// <summary>Bytes of freed memory that are held back, filled with 0xDD and checked for writes; freed blocks
    /// there make double frees certain. 0, the default: none. Read once, when recording starts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a negative number.</exception>
    public long QuarantineByteCount
    {
        get => _set.Get<long>(OptionKey.Quarantine);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Assign(OptionKey.Quarantine, value);
        }
    }

    /// <summary>Whether blocks are filled with 0xCD when they are allocated (zeroed ones stay zero) and with 0xDD when
    /// they are freed. Default: no. Read once, when recording starts.</summary>
    public bool PoisonsBlocks
    {
        get => _set.Get<bool>(OptionKey.Poison);
        set => Assign(OptionKey.Poison, value);
    }

    /// <summary>0 (default): report leaks; 1: report also when nothing leaked, and unfold framework frames; 2: and show
    /// more samples.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to a number out of range.</exception>
    public int Verbosity
    {
        get => _set.Get<int>(OptionKey.Verbosity);
        set => AssignNumber(OptionKey.Verbosity, value);
    }

    /// <summary>All values with their origins.</summary>
    internal OptionSet Set => _set;

    private void Assign(OptionKey key, object value) => _set.Set(key, value, OptionOrigin.Code);

    private void AssignNumber(OptionKey key, int value, [CallerMemberName] string property = "")
    {
        OptionDefinition row = OptionTable.Get(key);
        ArgumentOutOfRangeException.ThrowIfLessThan(value, row.Minimum, property);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, row.Maximum, property);
        Assign(key, value);
    }

    private void AssignByteCount(OptionKey key, long value, [CallerMemberName] string property = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, property);
        Assign(key, value);
    }

    private void AssignTime(OptionKey key, TimeSpan value, [CallerMemberName] string property = "")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, property);
        Assign(key, value);
    }
}
