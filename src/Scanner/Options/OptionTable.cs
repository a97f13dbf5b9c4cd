// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one table of every option. Parsing, precedence, help and the defaults of LeakDetectorOptions come
// from it.
// Who calls it: OptionReader, OptionHelp, LeakDetectorOptions.
// The one idea: a key that is not in this table does not exist, and a key in it does something in this build.
namespace NativeLeak.Options;

/// <summary>All options of this build.</summary>
internal static class OptionTable
{
    /// <summary>The variable that switches the detector on.</summary>
    public const string LevelVariable = "NATIVELEAK";

    /// <summary>Start of the name of every other variable.</summary>
    public const string VariablePrefix = "NATIVELEAK_";

    /// <summary>The variable that takes several options.</summary>
    public const string OptionsVariable = "NATIVELEAK_OPTIONS";

    /// <summary>The value of log_path that means the standard error stream.</summary>
    public const string StandardError = "stderr";

    // Loops over an array in all that runs before Main: queries and interfaces of lists are compiled at their first use.
    private static readonly OptionDefinition[] s_rows =
    [
        new(OptionKey.LogPath, "log_path", OptionKind.Text, StandardError, "stderr or a file",
            "Where reports go; {app}, {pid} and {time} in a file name are filled in."),
        new(OptionKey.Format, "format", OptionKind.Choice, ReportFormat.Text, "text|json|sarif|github|junit|folded|speedscope|baseline", "Form of the report."),
        // 23 as in LeakSanitizer: no common program uses it.
        new(OptionKey.ExitCode, "exitcode", OptionKind.Integer, 23, "0-255",
            "Exit code that replaces 0 when fail_on is met.") { Maximum = 255 },
        new(OptionKey.FailOn, "fail_on", OptionKind.Choice, FailOn.Definite, "none|definite|possible|reachable|new|growth",
            "What must be found to change the exit code (none when the environment started the detector)."),
        new(OptionKey.ReportAt, "report_at", OptionKind.Set, ReportOccasions.Exit | ReportOccasions.Signal | ReportOccasions.Checkpoint,
            "exit,signal,checkpoint", "When reports are written: at which ends of the process, and at checkpoints."),
        new(OptionKey.Checkpoint, "checkpoint", OptionKind.Duration, TimeSpan.Zero, "duration",
            "Time between reports that are written in case the process is killed, and whenever live bytes double; 0 or off: none."),
        // 5 s as kmemleak's MSECS_MIN_AGE.
        new(OptionKey.MinimumAge, "min_age", OptionKind.Duration, TimeSpan.FromSeconds(5), "duration",
            "Younger blocks are not judged by a scan while the program runs; the exit scan judges all."),
        // As kmemleak's min_unref_scans.
        new(OptionKey.MinimumUnreferencedScans, "min_unref_scans", OptionKind.Integer, 1, "scans",
            "How many scheduled scans after the first must find a block unreachable and unchanged; 0: report at once.") { Maximum = 100 },
        new(OptionKey.MaximumLeaks, "max_leaks", OptionKind.Integer, 100, "groups",
            "Leak groups listed in a report; the rest is counted; 0 lists all."),
        new(OptionKey.StackDepth, "stack_depth", OptionKind.Integer, 16, "frames",
            "Frames of a call stack that tell allocation sites apart.") { Minimum = 1, Maximum = 64 },
        // 512 KiB as in gperftools and the Go heap profiler.
        new(OptionKey.SampleInterval, "sample_interval", OptionKind.ByteCount, 512L << 10, "size",
            "Mean number of bytes between two samples at level sample; 0 takes every block."),
        new(OptionKey.MaximumTrackerMemory, "max_tracker_memory", OptionKind.ByteCount, 0L, "size",
            "Most memory for records, their index and call stacks; when it is used up, recording ends for good; 0: no limit."),
        // 60 s and 600 s as in kmemleak.
        new(OptionKey.FirstScan, "first_scan", OptionKind.Duration, TimeSpan.FromSeconds(60), "duration",
            "When the first scheduled scan runs; 0 or off: no scheduled scans."),
        new(OptionKey.ScanInterval, "scan_interval", OptionKind.Duration, TimeSpan.FromSeconds(600), "duration",
            "Time between scheduled scans; 0 or off: only the first."),
        new(OptionKey.Scan, "scan", OptionKind.Choice, ScanMode.Auto, "auto|snapshot|concurrent",
            "How the process is read: from a copy, while it runs, or what the system allows."),
        new(OptionKey.Hook, "hook", OptionKind.Boolean, true, "0|1",
            "Redirect the runtime's own allocation functions; 0: only intercepted calls, TrackedMemory and TrackedMarshal are seen."),
        new(OptionKey.ManagedHeap, "managed_heap", OptionKind.Choice, ManagedHeapMode.Trace,
            "trace|precise|conservative|none",
            "How the managed heap is read; precise collects it first and lets finalizers run."),
        new(OptionKey.Interior, "interior", OptionKind.Boolean, false, "0|1",
            "Whether a pointer into a block keeps it as surely as one to its start."),
        new(OptionKey.Heuristics, "heuristics", OptionKind.Set, InteriorHeuristics.None,
            "none|all|length64,newarray,header,multipleinheritance",
            "Signs by which a pointer into a block counts as one to its start."),
        new(OptionKey.Suppressions, "suppressions", OptionKind.Names, string.Empty, "files",
            "Files that say which leaks are known and not reported."),
        // 1 as in LeakSanitizer.
        new(OptionKey.PrintSuppressions, "print_suppressions", OptionKind.Boolean, true, "0|1",
            "Whether a text report says what suppressions hid (with verbosity=1, also which hid nothing)."),
        // As Valgrind's.
        new(OptionKey.GenerateSuppressions, "gen_suppressions", OptionKind.Boolean, false, "0|1",
            "Whether a text report shows for each leak the line that would suppress it."),
        new(OptionKey.Baseline, "baseline", OptionKind.Names, string.Empty, "file",
            "Leaks that are accepted: reports say which are new and which have grown (fail_on=new, fail_on=growth)."),
        // 0 as in a program without us; AddressSanitizer's quarantine_size_mb is 256.
        new(OptionKey.Quarantine, "quarantine", OptionKind.ByteCount, 0L, "bytes",
            "Freed memory that is held back and checked for writes; 0: none."),
        new(OptionKey.Poison, "poison", OptionKind.Boolean, false, "0|1",
            "Fill blocks with 0xCD when they are allocated and with 0xDD when they are freed."),
        new(OptionKey.Control, "control", OptionKind.Boolean, true, "0|1",
            "Whether the tool may ask this process for scans, by a socket that only its owner can use."),
        new(OptionKey.Verbosity, "verbosity", OptionKind.Integer, 0, "0-2",
            "1: report also when nothing leaked, unfold framework frames; 2: and show more samples.") { Maximum = 2 },
        new(OptionKey.Help, "help", OptionKind.Boolean, false, "0|1", "Print this list to stderr."),
        new(OptionKey.Inherit, "inherit", OptionKind.Boolean, true, "0|1",
            "Whether child processes are watched too."),
        new(OptionKey.Processes, "processes", OptionKind.Names, string.Empty, "names",
            "Watch only these applications."),
        new(OptionKey.ExcludeProcesses, "exclude_processes", OptionKind.Names, string.Empty, "names",
            "Never watch these applications."),
    ];

    /// <summary>The rows, indexed by <see cref="OptionKey"/>.</summary>
    public static IReadOnlyList<OptionDefinition> All => s_rows;

    /// <summary>The rows, for loops.</summary>
    public static ReadOnlySpan<OptionDefinition> Rows => s_rows;

    /// <summary>The names of all keys.</summary>
    public static IReadOnlyList<string> Names => [.. All.Select(static row => row.Name)];

    /// <summary>The default of every key, indexed by <see cref="OptionKey"/>.</summary>
    public static object[] Defaults()
    {
        object[] values = new object[s_rows.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = s_rows[i].Default;
        }

        return values;
    }

    /// <summary>The row of a key.</summary>
    public static OptionDefinition Get(OptionKey key) => s_rows[(int)key];

    /// <summary>Finds a key by its name in any case; null when there is none.</summary>
    public static OptionDefinition? Find(ReadOnlySpan<char> name)
    {
        foreach (OptionDefinition row in s_rows)
        {
            if (name.Equals(row.Name, StringComparison.OrdinalIgnoreCase))
            {
                return row;
            }
        }

        return null;
    }
}
