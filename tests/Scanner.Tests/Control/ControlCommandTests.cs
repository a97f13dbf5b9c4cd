// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;
using NativeLeak.Control;
using NativeLeak.ExitApps;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Control;

/// <summary>What each command does.</summary>
[TestFixture]
internal sealed class ControlCommandTests
{
    private static readonly FakeScan s_oneLeak = new(static () => FakeOutcome.Of(Reporting.Lost.Block(1, Verdict.Definite, 8)));

    [Test]
    public void PingAnswers()
    {
        using ServedSession served = new(s_oneLeak);
        Assert.That(served.Ask("ping"), Is.EqualTo((FrameKind.End, "pong\n")));
    }

    [Test]
    public void AScanGivesItsReportAsTextOrAsJson()
    {
        using ServedSession served = new(s_oneLeak);
        (FrameKind kind, string text) = served.Ask("scan");
        Assert.That((kind, text), Is.EqualTo((FrameKind.End, text)));
        Assert.That(text, Does.Contain("Definite leak of 8 byte(s)").And.EndsWith("possible 0 byte(s) in 0 block(s)).\n"));
        using JsonDocument json = JsonDocument.Parse(served.Ask("scan\nformat=json").Text);
        Assert.That(json.RootElement.GetProperty("leaks").GetArrayLength(), Is.EqualTo(1));
        Assert.That(json.RootElement.GetProperty("process").GetProperty("reason").GetString(), Is.EqualTo("api"));
    }

    [Test]
    public void ParametersReachTheScan()
    {
        FakeScan scan = new(static () => FakeOutcome.Of());
        using ServedSession served = new(scan);
        served.Ask("scan\nmin_age=7s");
        Assert.That(scan.Seen[^1].MinimumAge, Is.EqualTo(TimeSpan.FromSeconds(7)));
        served.Ask("scan");
        Assert.That(scan.Seen[^1].MinimumAge, Is.EqualTo(TimeSpan.FromSeconds(5)));
        Assert.That(served.Ask("scan\nmin_age=soon"), Is.EqualTo((FrameKind.Error, "bad value 'soon' for 'min_age'")));
    }

    [Test]
    public void StackOffIsAskedOfEveryScanAndSaidInEveryReport()
    {
        FakeScan scan = new(static () => FakeOutcome.Of());
        using ServedSession served = new(scan);
        served.Ask("stack=off");
        Assert.That(served.Ask("scan").Text, Does.Contain("stacks and registers were not read"));
        Assert.That(scan.Seen[^1].SkipsStacks, Is.True);
        served.Ask("stack=on");
        Assert.That(served.Ask("scan").Text, Does.Not.Contain("stacks and registers were not read"));
        Assert.That(scan.Seen[^1].SkipsStacks, Is.False);
    }

    [Test]
    public void SecondsPlanScansAndOffEndsThem()
    {
        int scans = 0;
        using ServedSession served = new(new FakeScan(() =>
        {
            Interlocked.Increment(ref scans);
            return FakeOutcome.Of();
        }));
        Assert.That(served.Ask("scan=0.01").Kind, Is.EqualTo(FrameKind.End));
        Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref scans) > 3, TimeSpan.FromMinutes(1)), Is.True);
        Assert.That(served.Ask("status").Text, Does.Contain("scanIntervalSeconds: 0.01\n"));
        Assert.That(served.Ask("scan=off"), Is.EqualTo((FrameKind.End, "scheduled scans are off\n")));
        Assert.That(served.Ask("status").Text, Does.Contain("scanIntervalSeconds: 0\n"));
        Assert.That(served.Ask("scan=on").Text, Does.StartWith("a scan every 600 s"));
        served.Ask("scan=off");
    }

    [TestCase("scan=-1")]
    [TestCase("scan=1e9")]
    [TestCase("scan=often")]
    [TestCase("stack=maybe")]
    [TestCase("who=here")]
    [TestCase("dump=0")]
    [TestCase("path=")]
    [TestCase("stack")]
    [TestCase("who")]
    [TestCase("off=1")]
    [TestCase("OFFF")]
    [TestCase("=")]
    public void ABadCommandIsAnErrorAndTheConnectionStays(string command)
    {
        using ServedSession served = new(s_oneLeak);
        using RawClient client = served.Connect();
        Assert.That(client.Ask(command).Answer().Kind, Is.EqualTo(FrameKind.Error));
        Assert.That(client.Ask("ping").Answer(), Is.EqualTo((FrameKind.End, "pong\n")));
    }

    [Test]
    public void SitesCountsWithoutAScan()
    {
        FakeScan scan = new(static () => FakeOutcome.Of());
        using ServedSession served = new(scan);
        using JsonDocument json = JsonDocument.Parse(served.Ask("sites\nformat=json").Text);
        Assert.That(json.RootElement.GetProperty("coverage").GetProperty("mode").GetString(), Is.EqualTo("count"));
        Assert.That(scan.Seen, Is.Empty);
    }

    [Test]
    public void StatusIsTextOrJson()
    {
        using ServedSession served = new(s_oneLeak);
        Assert.That(served.Ask("status").Text, Does.Contain($"pid: {Environment.ProcessId}\n").And.Contains("protocol: 1\n"));
        using JsonDocument json = JsonDocument.Parse(served.Ask("status\nformat=json").Text);
        Assert.That(json.RootElement.GetProperty("pid").GetInt64(), Is.EqualTo(Environment.ProcessId));
        Assert.That(json.RootElement.GetProperty("schema").GetString(), Is.EqualTo("nativeleak.status/1"));
    }

    [Test]
    public void OffAnswersAndThenStopsTheDetectorAndTheChannel()
    {
        using ServedSession served = new(s_oneLeak);
        using RawClient client = served.Connect();
        Assert.That(client.Ask("off").Answer(), Is.EqualTo((FrameKind.End, "the detector is stopped\n")));
        Assert.That(client.IsClosed(), Is.True);
        Assert.That(served.IsStopped.Wait(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(served.Server.Thread!.Join(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(File.Exists(served.Server.Path), Is.False);
    }
}
