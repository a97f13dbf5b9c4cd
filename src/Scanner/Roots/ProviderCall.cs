// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one call of a root provider.
// Who calls it: ProvidedRoots, on the scanner's thread.
// The one idea: the application's code runs on a thread of its own, so that it can be waited for in bounded time; that thread
// ends before the scan, and with it all that its frames held.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Roots;

/// <summary>A provider that is asked, or was asked and has not returned.</summary>
internal sealed class ProviderCall(RootProvider provider, RootCollector collector)
{
    private const string ThreadName = "nativeleak-root";

    private Thread? _thread;
    private volatile string? _failure;

    /// <summary>Who is asked.</summary>
    public RootProvider Provider { get; } = provider;

    /// <summary>Whether the provider returned.</summary>
    public bool HasEnded => _thread is not { IsAlive: true };

    /// <summary>Asks, and waits for at most <paramref name="patience"/>.</summary>
    /// <param name="patience">How long.</param>
    /// <param name="failure">What went wrong, to follow "a root provider"; null when nothing did.</param>
    /// <returns>False when the provider has not returned. Its thread is a background thread: it keeps no process alive.</returns>
    public bool Run(TimeSpan patience, out string? failure)
    {
        Thread thread = new(Ask) { IsBackground = true, Name = ThreadName };
        try
        {
            thread.Start();
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            failure = "could not be asked, for the system refused a thread";
            return true;
        }

        _thread = thread;
        bool hasEnded = thread.Join(patience);
        failure = hasEnded ? _failure : FormattableString.Invariant($"did not return within {patience.TotalSeconds} s");
        return hasEnded;
    }

    private void Ask()
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            Provider(collector);
        }
        catch (Exception exception)
        {
            // The application's own: a scan must not fail for it, and the report names it.
            _failure = "threw " + exception.GetType().Name;
        }
    }
}
