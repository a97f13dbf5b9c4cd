// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: puts the parts together and starts them, in the order in which they need each other.
// Who calls it: the startup hook (by reflection, before Main), LeakDetector.Start.
// The one idea: whatever fails is remembered for the report; the application never notices.
using System.Text;
using NativeLeak.Interop;
using NativeLeak.Marking;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
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

    /// <summary>The detector that runs; null when none does.</summary>
    // Order: a session is complete before it is seen; pairs with the write in Begin.
    internal static DetectorSession? Session => Volatile.Read(ref s_session);

    /// <summary>Starts the detector as the environment asks. Called by the startup hook before Main; never
    /// throws.</summary>
    /// <param name="injectFolder">The folder NativeLeak was loaded from.</param>
    public static void Start(string injectFolder)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            LeakDetectorOptions options = new(OptionReader.Read(new ProcessOptionSource(), isStartedByVariable: true));
            Announce(options.Set);
            if (!Begin(options))
            {
                Complain(options.Set, "NativeLeak does not support this platform; nothing is watched");
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The border of the detector: the application starts as if we were not there.
            ReportFile.Say($"the detector did not start: {exception.GetType().Name}: {exception.Message}");
        }
    }

    /// <summary>Starts the detector from code, or gives the running one new options.</summary>
    /// <returns>Whether it runs now.</returns>
    internal static bool StartFromCode(LeakDetectorOptions options)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        if (Session is { } running)
        {
            running.Options = options;
            return true;
        }

        Announce(options.Set);
        return Begin(options);
    }

    /// <summary>Stops the detector.</summary>
    internal static void Stop()
    {
        lock (s_lock)
        {
            s_session?.Dispose();
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
            AllocationRecorder.Start(options.StackDepth);
            InterceptionTier tier = RuntimeHook.Install(out string detail);
            DetectorSession session = new(
                options,
                new RecorderFacts(tier, detail),
                static () => new SnapshotScan(Platform.Snapshots),
                ExitReporter.WaitLimit)
            {
                LeaksFound = LeakDetector.OnLeaksFound,
                HasListeners = static () => LeakDetector.HasListeners,
            };
            session.Start();
            // Order: as above.
            Volatile.Write(ref s_session, session);
            return true;
        }
    }

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

    private static void Complain(OptionSet set, string sentence)
    {
        if (ReportPath.IsStandardError(set.Get<string>(OptionKey.LogPath)))
        {
            ReportFile.Say(sentence);
        }
    }
}
