// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;

namespace NativeLeak.Litmus;

/// <summary>
/// Takes the place of the listener that ends the process: in a Debug build a failed assertion of the real code (an order of
/// locks, a guard of another domain) is a violation of the race that was running.
/// </summary>
internal sealed class AssertionLog : TraceListener
{
    private static string? s_seen;

    /// <summary>From now on failed assertions are noted.</summary>
    public static void Install()
    {
        Trace.Listeners.Clear();
        Trace.Listeners.Add(new AssertionLog());
    }

    /// <summary>The first assertion that failed since the last call; null when none did.</summary>
    public static string? Take() => Interlocked.Exchange(ref s_seen, null);

    public override void Fail(string? message, string? detailMessage)
        => Interlocked.CompareExchange(ref s_seen, message ?? "an assertion failed", null);

    public override void Write(string? message)
    {
        // Only failures matter here.
    }

    public override void WriteLine(string? message)
    {
        // Only failures matter here.
    }
}
