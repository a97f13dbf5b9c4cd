// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: makes the one report at the end of the process, whichever way it ends.
// Who calls it: the runtime: ProcessExit, UnhandledException, and four signals (which skip ProcessExit in .NET 10).
// The one idea: the first end that comes makes the report; every other one waits for it, within a bound, and goes on.
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.Reporting;
using NativeLeak.Roots;

namespace NativeLeak.Scheduling;

/// <summary>Reports at exit, once.</summary>
internal sealed class ExitReporter : IDisposable
{
    /// <summary>How long the end of the process waits for the exit scan. As long as Kubernetes waits between SIGTERM
    /// and SIGKILL would be too long for a report to be written: a third less.</summary>
    public static readonly TimeSpan WaitLimit = TimeSpan.FromSeconds(20);

    private static readonly PosixSignal[] s_signals =
        [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    private readonly DetectorSession _session;
    private readonly TimeSpan _waitLimit;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly ManualResetEventSlim _isDone = new();
    private LeakReport? _report;
    private int _isStarted;

    /// <summary>Creates it; <see cref="Register"/> makes it work.</summary>
    public ExitReporter(DetectorSession session, TimeSpan waitLimit)
        => (_session, _waitLimit) = (session, waitLimit);

    /// <summary>Listens to the ends of the process that the options name.</summary>
    public void Register()
    {
        MappingHeadroom.Prepare();
        ReportOccasions occasions = _session.Options.ReportAt;
        if (occasions.HasFlag(ReportOccasions.Exit))
        {
            AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
            AppDomain.CurrentDomain.UnhandledException += OnUnhandledException;
        }

        if (!occasions.HasFlag(ReportOccasions.Signal))
        {
            return;
        }

        foreach (PosixSignal signal in s_signals)
        {
            try
            {
                _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // A system that lacks the signal: its ends are then not reported, the others are.
            }
        }
    }

    /// <summary>Stops listening. Does not wait.</summary>
    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException -= OnUnhandledException;
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _registrations.Clear();
    }

    private void OnProcessExit(object? sender, EventArgs arguments)
    {
        if (MappingHeadroom.IsThere())
        {
            ExitFrames.Capture(); // by this very method: it counts the frames from here on
        }

        LeakReport? report = ReportOnce(ReportReason.Exit);
        // Measured: the exit code can still be set here, after a return from Main and after Environment.Exit alike. A
        // code of the application's own always stays.
        if (report is not null && Environment.ExitCode == 0 && _session.Options.FailOn.IsMetBy(report))
        {
            Environment.ExitCode = _session.Options.ExitCode;
        }

        // What the application still allocates in its own exit handlers is counted, but naming it would be work in a
        // runtime that is being torn down, for a report that nobody makes.
        SiteDepot.StopNaming();
    }

    private void OnUnhandledException(object sender, UnhandledExceptionEventArgs arguments)
    {
        if (arguments.IsTerminating)
        {
            ReportOnce(ReportReason.Exit);
            _session.CloseControl();
        }
    }

    // Registrations are called latest first. Ours is from before Main, so it is called last and sees whether the
    // application took the signal for itself; then the process does not end now, and if it does later, ProcessExit
    // comes.
    private void OnSignal(PosixSignalContext context)
    {
        if (!context.Cancel)
        {
            ReportOnce(ReportReason.Signal);
            _session.CloseControl();
        }
    }

    private LeakReport? ReportOnce(ReportReason reason)
    {
        // Order: full fence; the winner alone goes on to write _report, published by _isDone.Set below.
        if (Interlocked.Exchange(ref _isStarted, 1) != 0)
        {
            _isDone.Wait(_waitLimit);
            return Volatile.Read(ref _report);
        }

        if (!MappingHeadroom.IsThere())
        {
            MappingHeadroom.TellThatThereIsNoReport();
            _isDone.Set();
            return null;
        }

        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            LeakReport report = _session.MakeExitReport(reason, _waitLimit);
            Volatile.Write(ref _report, report);
            _session.Write(report);
            return report;
        }
        catch (Exception)
        {
            // The border of the detector: the process ends as if we were not there.
            return null;
        }
        finally
        {
            _isDone.Set();
        }
    }
}
