// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the one thread on which every scan of the process runs and every report is built.
// Who calls it: DetectorSession starts it; LeakDetector and ExitReporter hand it requests and wait for their results.
// The one idea: scans never overlap, and whatever goes wrong in one ends as an inconclusive report, so that nobody who
// waits is ever left alone.
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.Questions;
using NativeLeak.Reporting;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Scheduling;

/// <summary>The dedicated scanner thread.</summary>
/// <param name="createScan">Makes the scan; called once, on the thread, before its first use.</param>
/// <param name="facts">What reports need beside outcomes.</param>
/// <param name="occasions">What scans without being asked; of two that are due the first has its turn.</param>
internal sealed class ScannerThread(Func<ILeakScan> createScan, IReportFacts facts, IScanOccasion[] occasions)
{
    // A wait of Monitor takes at most int.MaxValue milliseconds; a longer one just wakes in between.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromDays(20);

    // Longer than a start takes, shorter than anybody waits for a program.
    private static readonly TimeSpan s_warmUpDelay = TimeSpan.FromMilliseconds(100);

    // Protects the queue and the stop flag; nothing is taken inside it.
    private readonly object _gate = new();
    private readonly Queue<ScanRequest> _queue = [];
    private Thread? _thread;
    private ILeakScan? _scan;
    private bool _isStopping;
    private bool _isRescheduled;

    // An exit waits: whatever scan runs beside the process is given up for it.
    private bool _isExitWaiting;

    /// <summary>Whether the caller is the scanner thread itself.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Called on the thread once the program has been up for a while, and does not end.</summary>
    public Action IsUp { get; init; } = static () => { };

    /// <summary>Told of each report but the last one's, on the thread. It must not throw.</summary>
    public Action<LeakReport> HasScanned { get; init; } = static _ => { };

    /// <summary>Has the occasions plan anew. From any thread.</summary>
    public void Reschedule()
    {
        lock (_gate)
        {
            _isRescheduled = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Starts the thread. Once.</summary>
    public void Start()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "NativeLeak scanner" };
        // The application's async-local values and culture are no business of this thread, and must not be kept by it.
        _thread.UnsafeStart();
    }

    /// <summary>Asks the thread to end after the scan it is in; requests that still wait end as inconclusive
    /// reports.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Puts a request in the queue.</summary>
    public void Enqueue(ScanRequest request)
    {
        lock (_gate)
        {
            if (!_isStopping)
            {
                _queue.Enqueue(request);
                _isExitWaiting |= request.Report.Parameters.IsLast;
                Monitor.PulseAll(_gate);
                return;
            }
        }

        request.Complete(new ReportBuilder(facts).BuildFailed("the detector is stopped", request.Report));
    }

    private void Run()
    {
        // What this thread allocates is the detector's.
        using DetectorThread.Scope scope = DetectorThread.Enter();
        foreach (IScanOccasion each in occasions)
        {
            each.Begin();
        }

        // A scan that is due before keeps its time.
        if (FindNext(out TimeSpan due) is null || due > s_warmUpDelay)
        {
            WarmUpWhenIdle();
        }

        if (!IsEnding())
        {
            IsUp();
        }

        while (TryTakeWork(out ScanRequest? request, out IScanOccasion? occasion))
        {
            if (request is null)
            {
                TakeTurn(occasion!);
            }
            else if (!request.EndIfCancelled())
            {
                request.Complete(Scan(request.Report, request));
            }
        }

        while (_queue.TryDequeue(out ScanRequest? late))
        {
            late.Complete(new ReportBuilder(facts).BuildFailed("the detector is stopped", late.Report));
        }
    }

    private void WarmUpWhenIdle()
    {
        if (IsIdle(s_warmUpDelay))
        {
            AllocationRecorder.WarmUp();
        }
    }

    // Whether nobody wanted anything for so long.
    private bool IsIdle(TimeSpan duration)
    {
        lock (_gate)
        {
            if (_queue.Count == 0 && !_isStopping)
            {
                Monitor.Wait(_gate, duration);
            }

            return _queue.Count == 0 && !_isStopping;
        }
    }

    private bool IsEnding()
    {
        lock (_gate)
        {
            return _isStopping || _isExitWaiting;
        }
    }

    private void TakeTurn(IScanOccasion occasion)
    {
        if (occasion.TryCreateRequest(out ReportRequest request))
        {
            occasion.OnReport(Scan(request, waiting: null));
        }
    }

    // The occasion that is due first, and when; null when none ever is.
    private IScanOccasion? FindNext(out TimeSpan due)
    {
        (IScanOccasion? next, due) = (null, TimeSpan.MaxValue);
        foreach (IScanOccasion occasion in occasions)
        {
            if (occasion.DueIn() is { } time && time < due)
            {
                (next, due) = (occasion, time);
            }
        }

        return next;
    }

    // False: stop. A null request: the occasion's turn.
    private bool TryTakeWork(out ScanRequest? request, out IScanOccasion? occasion)
    {
        lock (_gate)
        {
            while (true)
            {
                (request, occasion) = (null, null);
                if (_isStopping)
                {
                    return false;
                }

                if (_queue.TryDequeue(out request))
                {
                    return true;
                }

                if (_isRescheduled)
                {
                    _isRescheduled = false;
                    foreach (IScanOccasion each in occasions)
                    {
                        each.Change();
                    }
                }

                IScanOccasion? next = FindNext(out TimeSpan due);
                if (next is null)
                {
                    Monitor.Wait(_gate);
                }
                else if (due <= TimeSpan.Zero)
                {
                    occasion = next;
                    return true;
                }
                else
                {
                    Monitor.Wait(_gate, due < s_longestWait ? due : s_longestWait);
                }
            }
        }
    }

    // Order: each flag is a plain word that is set once; a stale answer costs the scan some milliseconds.
    private bool IsToBeGivenUp(ScanRequest? waiting, bool isLast)
        => Volatile.Read(ref _isStopping) || waiting?.IsCancelled == true || (!isLast && Volatile.Read(ref _isExitWaiting));

    private LeakReport Scan(in ReportRequest request, ScanRequest? waiting)
    {
        LeakReport report = Make(request, waiting);
        if (!request.Parameters.IsLast && request.Parameters.Question.Kind == QuestionKind.None)
        {
            HasScanned(report);
        }

        return report;
    }

    private LeakReport Make(in ReportRequest request, ScanRequest? waiting)
    {
        bool isLast = request.Parameters.IsLast;
        ReportBuilder builder = new(facts);
        try
        {
            if (request.CountsOnly || facts.Tracker.Level == DetectorLevel.Count)
            {
                return CountReport.Build(facts, request);
            }

            if (!MappingHeadroom.IsThere())
            {
                return builder.BuildFailed("no scan: " + MappingHeadroom.Reason, request);
            }

            _scan ??= createScan();
            using ProvidedRoots provided = ProvidedRoots.Collect(LeakDetector.RootProviders);
            ReportRequest asked = provided.Extend(request);
            using ScanOutcome outcome = _scan.Run(request.Parameters with { IsAborted = () => IsToBeGivenUp(waiting, isLast) }).Within(request.Check);
            if (outcome.IsConclusive && !asked.HasGaps)
            {
                request.Suspects?.Observe(outcome.Lost);
                if (request.TakesBaseline)
                {
                    Baseline.Take(outcome.Lost);
                }
            }

            return request.Parameters.Question.Kind == QuestionKind.None
                ? builder.Build(outcome, asked)
                : builder.BuildFailed("a question was asked", asked) with
                {
                    Answer = new AnswerBuilder(facts).Build(outcome, request.Parameters.Question),
                };
        }
        catch (Exception exception)
        {
            // The border of the detector: an error of ours becomes a report that says so, never the host's problem.
            return builder.BuildFailed(
                $"the detector failed ({exception.GetType().Name}: {exception.Message})", request);
        }
    }
}
