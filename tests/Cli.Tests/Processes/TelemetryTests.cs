// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Tests.Processes;

/// <summary>A program that knows nothing of the detector reads its meter, as OpenTelemetry does.</summary>
[TestFixture]
internal sealed class TelemetryTests
{
    [Test]
    public void AProgramReadsWhatTheDetectorFound()
    {
        using Service service = Service.Watched().WithChannel();
        service.Tell("leak 3 4711");
        service.Tell("hold 1000");
        Assert.That(Tool.Run("scan", "-p", service.Number).ExitCode, Is.Zero);
        string[] measured = service.Tell("meter NativeLeak").Split(';');
        Assert.That(measured, Is.SupersetOf(new[]
        {
            "nativeleak.leak.memory definite 14133", "nativeleak.leak.count definite 3", "nativeleak.leak.count possible 0", "nativeleak.misuse.count 0",
        }));
        Assert.That(Value(measured, "nativeleak.memory.live"), Is.GreaterThanOrEqualTo(15_133));
        Assert.That(Value(measured, "nativeleak.memory.allocated"), Is.GreaterThanOrEqualTo(15_133));
        Assert.That(Value(measured, "nativeleak.tracker.memory"), Is.Positive);
    }

    [Test]
    public void WithoutTheDetectorThereIsNoMeter()
    {
        using Service service = Service.Plain();
        Assert.That(service.Tell("meter NativeLeak"), Is.Empty);
    }

    private static long Value(string[] measured, string name)
        => long.Parse(measured.Single(line => line.StartsWith(name + " ", StringComparison.Ordinal)).Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
}
