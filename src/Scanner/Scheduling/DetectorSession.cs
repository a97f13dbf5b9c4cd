// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one running detector: its options, its scanner thread, its exit reporter.
// Who calls it: Startup and LeakDetector create it; everything else of this folder works for it.
// The one idea: whoever wants a report gets it from the scanner thread through a request; nobody else scans or builds.
using NativeLeak.Control;
using NativeLeak.Interop;
using NativeLeak.Options;
using NativeLeak.Questions;
using NativeLeak.Reporting;
using NativeLeak.Telemetry;

namespace NativeLeak.Scheduling;

/// <summary>One running detector.</summary>
internal sealed class DetectorSession : IDisposable
{
    // 104 bytes each, touched only as far as they are needed: 104 MiB at most.
    private const int MaximumLostBlocks = 1 << 20;
    private const int SamplesPerGroup = 3;

    private readonly IReportFacts _facts;
    private readonly ScannerThread _scanner;
    private readonly ExitReporter _exit;
    private readonly ScanSchedule _schedule;
    private LeakDetectorOptions _options;
    private ControlServer? _control;
    private DetectorMeter? _meter;
    private string? _listenerFailure;
    private bool _hasCheckpoint;
    private volatile bool _skipsStacks, _isDisposed;

    /// <summary>Creates a detector that does nothing yet.</summary>
    /// <param name="options">Its options.</param>
    /// <param name="facts">What reports need beside outcomes.</param>
    /// <param name="createScan">Makes the scan, on the scanner thread, when the first is wanted.</param>
    /// <param name="exitWaitLimit">How long the end of the process waits for the exit scan.</param>
    public DetectorSession(
        LeakDetectorOptions options, IReportFacts facts, Func<ILeakScan> createScan, TimeSpan exitWaitLimit)
    {
        _options = options;
        _facts = facts;
        _schedule = new ScanSchedule(this, TimeProvider.System);
        _scanner = new ScannerThread(
            createScan, facts, [_schedule, new CheckpointSchedule(this, () => facts.LiveBytes, TimeProvider.System)])
        {
            IsUp = OnUp,
            HasScanned = report => _meter?.OnScan(report),
        };
        _exit = new ExitReporter(this, exitWaitLimit);
    }

    /// <summary>Told what scheduled scans find; called on a pool thread.</summary>
    public Action<LeaksFoundEventArgs>? LeaksFound { get; init; }

    /// <summary>Whether <see cref="LeaksFound"/> reaches anybody now: an application whose pool is idle keeps it idle.</summary>
    public Func<bool> HasListeners { get; init; } = static () => true;

    /// <summary>Whether this detector may open the process's control channel (option control).</summary>
    public bool OpensControl { get; init; }

    /// <summary>Stops the detector that this is, for the command off.</summary>
    public Action StopDetector { get; init; } = static () => { };

    /// <summary>What reports need beside outcomes.</summary>
    public IReportFacts Facts => _facts;

    /// <summary>Whether scans read stacks and registers (kmemleak's stack=on|off).</summary>
    public bool ReadsStacks
    {
        get => !_skipsStacks;
        set => _skipsStacks = !value;
    }

    /// <summary>Time between scheduled scans as it is now; zero: there are none.</summary>
    public TimeSpan ScanInterval => _schedule.Interval;

    /// <summary>The options; code may replace them while the detector runs.</summary>
    public LeakDetectorOptions Options
    {
        // Order: an options object is filled before it is published; pairs with the readers on the scanner thread.
        get => Volatile.Read(ref _options);
        set => Volatile.Write(ref _options, value);
    }

    /// <summary>Whether scans judge blocks: at level count they only count them.</summary>
    public bool Judges => _facts.Tracker.Level != DetectorLevel.Count;

    /// <summary>What was told already; the scanner thread's own.</summary>
    public LeakHistory History { get; } = new();

    /// <summary>Starts the thread and listens to the ends of the process.</summary>
    public void Start()
    {
        _scanner.Start();
        _exit.Register();
    }

    /// <summary>Stops listening and lets the thread end. Does not wait for a scan that runs.</summary>
    public void Dispose()
    {
        _exit.Dispose();
        _scanner.Stop();
        _isDisposed = true;
        // Order: full fence; see OnUp.
        Interlocked.MemoryBarrier();
        _meter?.Dispose();
        CloseControl();
    }

    /// <summary>Closes the control channel, if there is one: the process ends, or the detector.</summary>
    public void CloseControl()
    {
        if (OperatingSystem.IsLinux())
        {
            // Order: acquire; pairs with the write in OpenControl.
            Volatile.Read(ref _control)?.Stop();
        }
    }

    /// <summary>Plans scheduled scans anew; zero: none.</summary>
    public void ScheduleScans(TimeSpan interval)
    {
        _schedule.Plan(interval);
        _scanner.Reschedule();
    }

    /// <summary>Asks for a scan.</summary>
    public Task<LeakReport> ScanAsync(CancellationToken cancellation)
        => EnqueueAsync(CreateRequest(ReportReason.Api, Options.MinimumAge), cancellation);

    /// <summary>Asks for a scan whose leaks become the baseline.</summary>
    public Task<LeakReport> ClearAsync(CancellationToken cancellation)
        => EnqueueAsync(
            CreateRequest(ReportReason.Api, Options.MinimumAge) with { TakesBaseline = true }, cancellation);

    /// <summary>Asks about an address: <c>who=</c>, <c>dump=</c> or <c>path=</c> and hexadecimal digits. A command that is
    /// none gets an answer with an error.</summary>
    public async Task<LeakAnswer> AskAsync(string command, CancellationToken cancellation)
    {
        if (!Question.TryParse(command, out Question question, out string error))
        {
            return AnswerBuilder.Refuse(command, error);
        }

        if (!Judges)
        {
            return AnswerBuilder.Refuse(question.Command, "no answer: at level count no scan is made");
        }

        ReportRequest report = CreateRequest(ReportReason.Api, Options.MinimumAge);
        report = report with { Parameters = report.Parameters with { Question = question } };
        LeakReport result = await EnqueueAsync(report, cancellation).ConfigureAwait(false);
        return result.Answer ?? AnswerBuilder.Refuse(question.Command, string.Join("; ", result.Coverage.Warnings));
    }

    /// <summary>Asks for a scan that tells the blocks of one check only, whatever their age.</summary>
    public Task<LeakReport> CheckAsync(uint check, string name, CancellationToken cancellation)
        => EnqueueAsync(
            CreateRequest(ReportReason.Api, TimeSpan.Zero) with { Check = check, CheckName = name }, cancellation);

    /// <summary>What a report for this reason needs to know.</summary>
    public ReportRequest CreateRequest(ReportReason reason, TimeSpan minimumAge)
    {
        LeakDetectorOptions options = Options;
        ScanParameters parameters = new(
            minimumAge, options.ManagedHeap, options.InteriorPointersKeepBlocks, MaximumLostBlocks)
        {
            SampleIntervalBytes = _facts.Tracker.SampleIntervalBytes,
            CanFinalize = reason != ReportReason.Exit,
            Mode = options.Scan,
            Heuristics = options.Heuristics,
            SkipsStacks = _skipsStacks,
            RemembersHolders = options.ScanInterval > TimeSpan.Zero && reason is ReportReason.Scan or ReportReason.Api,
        };
        List<string> warnings = [.. options.Set.Warnings];
        // Order: acquire; pairs with the write when a listener throws on its pool thread.
        if (Volatile.Read(ref _listenerFailure) is { } failure)
        {
            warnings.Add(failure);
        }

        if (parameters.SkipsStacks)
        {
            warnings.Add("stacks and registers were not read (stack=off): what only they hold is called lost");
        }

        return new ReportRequest(reason, parameters, options.Format == ReportFormat.Baseline ? 0 : options.MaximumLeaks, SamplesPerGroup, warnings)
        {
            Suppressions = options.Suppressions,
            Baseline = options.Baseline,
        };
    }

    /// <summary>Scans for the end of the process; when that takes longer than the limit, the report says so
    /// instead.</summary>
    public LeakReport MakeExitReport(ReportReason reason, TimeSpan limit)
    {
        // Nothing lives on: the youngest block is as lost as the oldest.
        ReportRequest report = CreateRequest(reason, minimumAge: TimeSpan.Zero);
        report = report with { Parameters = report.Parameters with { IsLast = true } };
        if (_scanner.IsCurrent)
        {
            return Failed("the process ended from the scanner thread", report);
        }

        ScanRequest request = new(report, CancellationToken.None);
        _scanner.Enqueue(request);
        return request.Result.Wait(limit)
            ? request.Result.Result
            : Failed(FormattableString.Invariant($"the exit scan took longer than {limit.TotalSeconds} s"), report);
    }

    /// <summary>Writes a report where the options say.</summary>
    public void Write(LeakReport report) => ReportOutput.Write(report, Options);

    /// <summary>Writes what a scheduled scan found, and tells the listeners.</summary>
    public void OnLeaksFound(LeakReport report, IReadOnlyList<LeakGroup> found, IReadOnlyList<MisuseGroup> misuse)
    {
        LeakDetectorOptions options = Options;
        // A file holds the whole state, like the exit report that will replace it; a stream gets what is new.
        ReportOutput.Write(
            ReportPath.IsStandardError(options.LogPath) ? report with { Leaks = found, Misuse = misuse } : report, options);
        if (found.Count > 0 && LeaksFound is { } listeners && HasListeners())
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => Tell(listeners, new LeaksFoundEventArgs(report, found)), null);
        }
    }

    /// <summary>Writes a checkpoint: to a file as a whole, over the one before; to stderr when it has news. Called on the
    /// scanner thread.</summary>
    public void OnCheckpoint(LeakReport report)
    {
        LeakDetectorOptions options = Options;
        if (ReportPath.IsStandardError(options.LogPath))
        {
            bool hasNews = History.TakeNew(report.Leaks).Count > 0 | History.TakeNew(report.Misuse).Count > 0;
            if (hasNews || !Judges)
            {
                ReportOutput.Write(report, options);
            }
        }
        else if (report.IsConclusive || !_hasCheckpoint)
        {
            // A scan that was cut short must not take the place of one that was not.
            _hasCheckpoint |= report.IsConclusive;
            ReportOutput.Write(report, options);
        }
    }

    /// <summary>Asks for a report; whoever asked looks at the request for its result.</summary>
    public ScanRequest Enqueue(in ReportRequest report, CancellationToken cancellation)
    {
        ScanRequest request = new(report, cancellation);
        _scanner.Enqueue(request);
        return request;
    }

    private Task<LeakReport> EnqueueAsync(in ReportRequest report, CancellationToken cancellation)
    {
        ScanRequest request = Enqueue(report, cancellation);
        return cancellation.CanBeCanceled ? request.Result.WaitAsync(cancellation) : request.Result;
    }

    // On the scanner thread, once a program has been up for a while.
    private void OnUp()
    {
        OpenControl();
        DetectorMeter meter;
        try
        {
            meter = new DetectorMeter(_facts);
        }
        catch (Exception)
        {
            return; // a listener of the application's threw: no meter, and nothing else of ours fails
        }

        // Order: full fence; either Dispose finds the meter, or it was before and this disposes of it.
        Interlocked.Exchange(ref _meter, meter);
        if (_isDisposed)
        {
            meter.Dispose();
        }
    }

    private void OpenControl()
    {
        if (OpensControl && Platform.IsSupported && Options.Set.Get<bool>(OptionKey.Control))
        {
            ControlServer? control = ControlServer.TryOpen(new ControlCommands(this).Execute, StopDetector);
            // Order: release; pairs with the reads in CloseControl.
            Volatile.Write(ref _control, control);
        }
    }

    private void Tell(Action<LeaksFoundEventArgs> listeners, LeaksFoundEventArgs arguments)
    {
        try
        {
            listeners(arguments);
        }
        catch (Exception exception)
        {
            // An exception on a pool thread would end the process; it is the listener's, so the next report names it.
            // Order: release; pairs with the read in CreateRequest.
            Volatile.Write(ref _listenerFailure, $"a LeaksFound listener threw {exception.GetType().Name}");
        }
    }

    private LeakReport Failed(string reason, in ReportRequest report)
        => new ReportBuilder(_facts).BuildFailed(reason, report);
}
