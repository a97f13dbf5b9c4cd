// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: puts the parts together and starts them, in the order in which they need each other.
// Who calls it: the startup hook (by reflection, before Main), LeakDetector.Start.
// The one idea: whatever fails is remembered for the report; the application never notices.
using System.Runtime.CompilerServices;
using System.Text;
using NativeLeak.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.Options;
using NativeLeak.Reporting;
using NativeLeak.Roots;
using NativeLeak.Scheduling;

namespace NativeLeak;

/// <summary>Starts and stops the detector of this process.</summary>
internal static class Startup
{
    private static readonly Lock s_lock = new();
    private static DetectorSession? s_session;

    // The level of the first start: what was recorded by one level cannot be reported as if by another.
    // Not nullable: code over a nullable of a type of ours would be compiled before Main.
    private static DetectorLevel s_level;
    private static bool s_hasLevel;

    /// <summary>The detector that runs; null when none does.</summary>
    // Order: a session is complete before it is seen; pairs with the write in Begin.
    internal static DetectorSession? Session => Volatile.Read(ref s_session);

    /// <summary>Starts the detector as the environment asks. Called by the startup hook before Main; never
    /// throws.</summary>
    /// <param name="injectFolder">The folder NativeLeak was loaded from.</param>
    public static void Start(string injectFolder)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        LeakDetectorOptions? options = null;
        try
        {
            options = new(OptionReader.Read(new ProcessOptionSource(), isStartedByVariable: true));
            Announce(options.Set);
            if (!Begin(options))
            {
                Complain(options, "NativeLeak does not support this platform; nothing is watched");
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The border of the detector: the application starts as if we were not there.
            Complain(options, $"the detector did not start: {exception.GetType().Name}: {exception.Message}");
        }
    }

    /// <summary>Starts the detector from code, or gives the running one new options.</summary>
    /// <returns>Whether it runs now.</returns>
    internal static bool StartFromCode(LeakDetectorOptions options)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        if (options.Level == DetectorLevel.Off)
        {
            return false;
        }

        if (Session is { } running)
        {
            NoteLevel(options);
            running.Options = options;
            return true;
        }

        Announce(options.Set);
        return Begin(options);
    }

    /// <summary>Stops the detector, and the recording of new blocks.</summary>
    internal static void Stop()
    {
        lock (s_lock)
        {
            if (s_session is null)
            {
                return;
            }

            s_session.Dispose();
            AllocationRecorder.Stop();
            // Order: the session is disposed before it is gone; pairs with the read in Session.
            Volatile.Write(ref s_session, null);
        }
    }

    private static bool Begin(LeakDetectorOptions options)
    {
        if (!Platform.IsSupported)
        {
            return false;
        }

        lock (s_lock)
        {
            if (s_session is not null)
            {
                return true;
            }

            // First: the managed heap's reserve is told from its neighbours while there are few.
            ManagedHeapLayouts.NoteReserve();
            SiteFrame.Describe = static method => (MethodNames.Describe(method), MethodNames.LambdaOrdinal(method));
            NoteLevel(options);
            AllocationRecorder.Start(SettingsOf(options));
            MisuseDetector.SetManagedHeap(ManagedHeapLayouts.Reserve);
            MisuseDetector.Configure(
                (nuint)options.QuarantineByteCount, options.PoisonsBlocks, keepFreeStacks: options.QuarantineByteCount > 0);
            InterceptionTier tier = RuntimeHook.Install(
                options.HooksRuntime ? InterceptionTier.Exports : InterceptionTier.ExplicitApiOnly, out string detail);
            if (!RuntimeHook.IsInstalled)
            {
                Interception.Open();
            }

            DetectorSession session = new(
                options,
                new RecorderFacts(tier, detail, s_level),
                static () => new ScanModes(Platform.Snapshots, Platform.Threads),
                ExitReporter.WaitLimit)
            {
                LeaksFound = LeakDetector.OnLeaksFound,
                HasListeners = static () => LeakDetector.HasListeners,
                OpensControl = true,
                StopDetector = Stop,
            };
            session.Start();
            // Order: as above.
            Volatile.Write(ref s_session, session);
            return true;
        }
    }

    private static void NoteLevel(LeakDetectorOptions options)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported && options.Level != DetectorLevel.Count)
        {
            options.Set.Warn($"the level is count, not {LevelText.Name(options.Level)}: in a program that was compiled ahead "
                + "as a whole no heap is traced and no stack is walked");
            options.Set.SetLevel(DetectorLevel.Count, OptionOrigin.Code);
        }

        if (!s_hasLevel)
        {
            (s_level, s_hasLevel) = (options.Level, true);
        }

        if (options.Level != s_level)
        {
            options.Set.Warn($"the level stays {LevelText.Name(s_level)}: it holds from the first start on");
        }
    }

    private static RecorderSettings SettingsOf(LeakDetectorOptions options) => new(options.StackDepth)
    {
        TakesCallSites = options.Level == DetectorLevel.Count,
        SampleIntervalByteCount = options.Level == DetectorLevel.Sample ? options.SampleIntervalBytes : 0,
        MetadataByteLimit = options.MaximumTrackerMemoryBytes == 0 ? long.MaxValue : options.MaximumTrackerMemoryBytes,
    };

    // Help and warnings go to stderr at once, where somebody may see them while the program runs; with a report file
    // they are in the report, and stderr stays the application's.
    private static void Announce(OptionSet set)
    {
        StringBuilder text = new();
        if (ReportPath.IsStandardError(set.Get<string>(OptionKey.LogPath)))
        {
            foreach (string warning in set.Warnings)
            {
                text.Append(TextReportWriter.Prefix(Environment.ProcessId)).Append("WARNING: ")
                    .Append(TerminalText.Escape(warning)).Append('\n');
            }
        }

        if (set.Get<bool>(OptionKey.Help))
        {
            text.Append(OptionHelp.Write(set));
        }

        if (text.Length > 0)
        {
            ReportFile.WriteToStandardError(Encoding.UTF8.GetBytes(text.ToString()));
        }
    }

    /// <summary>Tells that nothing is watched where the report would have told the rest: on stderr, or as an
    /// inconclusive report in the file. Never throws.</summary>
    /// <param name="options">The options; null when they could not be read.</param>
    /// <param name="sentence">What happened.</param>
    internal static void Complain(LeakDetectorOptions? options, string sentence)
    {
        try
        {
            if (options is null || ReportPath.IsStandardError(options.LogPath))
            {
                ReportFile.Say(sentence);
            }
            else if (Platform.IsSupported)
            {
                ReportRequest request = new(ReportReason.Api, default, options.MaximumLeaks, 0, options.Set.Warnings);
                RecorderFacts facts = new(RuntimeHook.Tier, "the detector did not start", options.Level);
                ReportOutput.Write(new ReportBuilder(facts).BuildFailed(sentence, request), options);
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Whatever kept the detector from starting may keep it from saying so: the application goes on.
        }
    }
}
