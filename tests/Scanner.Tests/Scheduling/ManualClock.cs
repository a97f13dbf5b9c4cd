// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>Time that only moves when it is told.</summary>
internal sealed class ManualClock : TimeProvider
{
    public int Milliseconds { get; private set; }

    public override long TimestampFrequency => 1000;

    public override long GetTimestamp() => Milliseconds;

    public void Advance(TimeSpan time) => Milliseconds += (int)Math.Ceiling(Math.Max(time.TotalMilliseconds, 0));
}
