// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Questions;
using NativeLeak.Roots;
using NativeLeak.Scheduling;

namespace NativeLeak;

/// <summary>
/// Finds unmanaged memory that nothing in the process can reach any more. When the environment variable NATIVELEAK
/// started the detector, this class talks to that one; otherwise <see cref="Start"/> starts it.
/// </summary>
/// <remarks>All members are thread-safe. No member throws for what the system does to the detector: a scan that was not
/// possible is an inconclusive report. Modelled on kmemleak (background scans, "scan" and "off" commands) and on
/// LeakSanitizer's interface (root regions, a check on request).</remarks>
public static class LeakDetector
{
    /// <summary>Raised on a thread-pool thread when a scheduled scan has found leaks that were not known before. An
    /// exception of a listener is swallowed and named in the next report.</summary>
    public static event EventHandler<LeaksFoundEventArgs>? LeaksFound;

    /// <summary>Whether the detector runs.</summary>
    public static bool IsEnabled => Startup.Session is not null;

    /// <summary>What every scan asks for roots that it cannot see. May be filled before the detector is started.</summary>
    public static RootProviderList RootProviders { get; } = new();

    /// <summary>Starts the detector: blocks allocated from now on are recorded and judged. When it runs already
    /// (because the environment started it), its options are replaced, except <see
    /// cref="LeakDetectorOptions.ReportAt"/> and <see cref="LeakDetectorOptions.FirstScan"/>, which are read when it
    /// starts, and <see cref="LeakDetectorOptions.Level"/>, <see cref="LeakDetectorOptions.StackDepth"/>, <see
    /// cref="LeakDetectorOptions.SampleIntervalBytes"/> and <see
    /// cref="LeakDetectorOptions.MaximumTrackerMemoryBytes"/>, which are read at the first start of the process and then
    /// hold. Every block whose allocation begins after this method returned is seen; of those that other threads
    /// allocate meanwhile, the ones from the instant on at which the runtime's functions are redirected. Cost: some
    /// milliseconds, once.</summary>
    /// <param name="options">How it works; null: what the environment says.</param>
    /// <returns>Whether the detector runs now; false where this platform is not supported, and when the level is
    /// off.</returns>
    public static bool Start(LeakDetectorOptions? options = null) => Startup.StartFromCode(options ?? new());

    /// <summary>Stops scans, exit reports, and the recording of new blocks; cost of an allocation then: a counter. Frees
    /// of recorded blocks are still seen, so that after a later <see cref="Start"/> those that live on are judged as
    /// before. Blocks allocated in between stay unknown: they are read as roots (nothing is wrongly called lost), and
    /// every later report says how many they are. Nothing happens when the detector does not run. Does not wait for a
    /// scan that runs.</summary>
    public static void Stop() => Startup.Stop();

    /// <summary>Scans now and waits for the report. Cost: the threads of the process stand still for some milliseconds;
    /// the scan itself runs beside them. Blocks younger than <see cref="LeakDetectorOptions.MinimumAge"/> are not
    /// judged.</summary>
    /// <param name="cancellationToken">Ends the wait; what the scan finds is then dropped.</param>
    /// <exception cref="InvalidOperationException">The detector does not run.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static LeakReport Scan(CancellationToken cancellationToken = default)
        => ScanAsync(cancellationToken).GetAwaiter().GetResult();

    /// <summary>Scans now; the task ends with the report. As <see cref="Scan"/> otherwise.</summary>
    /// <param name="cancellationToken">Cancels the task; what the scan finds is then dropped.</param>
    /// <exception cref="InvalidOperationException">The detector does not run.</exception>
    /// <exception cref="OperationCanceledException">The task was cancelled (when it is awaited).</exception>
    public static Task<LeakReport> ScanAsync(CancellationToken cancellationToken = default)
        => Running(Startup.Session).ScanAsync(cancellationToken);

    /// <summary>Makes today's leaks the baseline: scans now, and what that scan lists as lost is in no later report, but
    /// counted as ignored. The blocks are still read: what only they point to counts as reachable. A block that is freed is
    /// no part of the baseline any more. From kmemleak ("clear"). Cost: that of <see cref="Scan"/>.</summary>
    /// <param name="cancellationToken">Ends the wait; the baseline may be taken all the same.</param>
    /// <returns>The report of the scan: what was known until now. When it is not conclusive, nothing was taken: a block that
    /// is not surely lost must not be hidden.</returns>
    /// <exception cref="InvalidOperationException">The detector does not run.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static LeakReport Clear(CancellationToken cancellationToken = default)
        => Running(Startup.Session).ClearAsync(cancellationToken).GetAwaiter().GetResult();

    /// <summary>Answers one question about an address, by a scan of its own; for the commands of the tool: <c>who=</c>
    /// (who points at it, start or inside), <c>dump=</c> (record, verdict and bytes of its block), <c>path=</c> (the chain of
    /// pointers from a root), each followed by hexadecimal digits.</summary>
    /// <param name="command">The command.</param>
    /// <param name="cancellationToken">Cancels the task.</param>
    /// <exception cref="InvalidOperationException">The detector does not run.</exception>
    /// <exception cref="OperationCanceledException">The task was cancelled (when it is awaited).</exception>
    internal static Task<LeakAnswer> AskAsync(string command, CancellationToken cancellationToken = default)
        => Running(Startup.Session).AskAsync(command, cancellationToken);

    /// <summary>Makes a range of memory a root: every scan reads it for pointers. For memory the scan does not
    /// read by itself: mappings that are not writable, say. Devices are never read. The same range may be
    /// registered any number of times; each registration is taken back by its own Dispose. The range may become
    /// unreadable: the scan then counts it as unreadable, nothing else happens.</summary>
    /// <param name="start">Start of the range.</param>
    /// <param name="byteCount">Its length in bytes; 0: nothing is registered.</param>
    /// <returns>The registration. On a platform that is not supported it does nothing.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="start"/> is null and <paramref name="byteCount"/> is
    /// not 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range ends behind the last address.</exception>
    /// <exception cref="InsufficientMemoryException">There is no memory for the table of ranges.</exception>
    public static unsafe RootRegistration RegisterRoot(void* start, nuint byteCount)
        => RegisterRoot(start, byteCount, default); // Safety: the duty of the other, which reads nothing either

    /// <summary>As <see cref="RegisterRoot(void*, nuint)"/>, for a range in which pointers are not written as plain
    /// addresses: it is read both ways, plainly and decoded.</summary>
    /// <param name="start">Start of the range.</param>
    /// <param name="byteCount">Its length in bytes; 0: nothing is registered.</param>
    /// <param name="decoder">How pointers are written.</param>
    /// <returns>The registration. On a platform that is not supported it does nothing.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="start"/> is null and <paramref name="byteCount"/> is
    /// not 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range ends behind the last address.</exception>
    /// <exception cref="InsufficientMemoryException">There is no memory for the table of ranges.</exception>
    public static unsafe RootRegistration RegisterRoot(void* start, nuint byteCount, PointerDecoder decoder)
    {
        // Safety: the pointer is only made a number here; the child reads the range fault-safely.
        MemoryRange range = new((nuint)start, unchecked((nuint)start + byteCount));
        if (byteCount == 0 || !Platform.IsSupported)
        {
            return new RootRegistration(range, decoder, isRegistered: false);
        }

        ArgumentNullException.ThrowIfNull(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteCount, nuint.MaxValue - (nuint)start);
        return RegisteredRoots.TryAdd(range, decoder)
            ? new RootRegistration(range, decoder, isRegistered: true)
            : throw new InsufficientMemoryException("There is no memory for the table of registered roots.");
    }

    /// <summary>The session, or the exception of a call that needs one.</summary>
    internal static DetectorSession Running(DetectorSession? session)
        => session ?? throw new InvalidOperationException("The leak detector does not run: see LeakDetector.Start.");

    /// <summary>Whether anybody listens to <see cref="LeaksFound"/>.</summary>
    internal static bool HasListeners => LeaksFound is not null;

    /// <summary>Raises <see cref="LeaksFound"/>.</summary>
    internal static void OnLeaksFound(LeaksFoundEventArgs arguments) => LeaksFound?.Invoke(null, arguments);
}
