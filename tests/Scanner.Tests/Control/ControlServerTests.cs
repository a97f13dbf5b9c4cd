// Licensed under the MIT License. See LICENSE in the repository root.
using System.Net.Sockets;
using NativeLeak.Control;
using NativeLeak.ExitApps;
using NativeLeak.Reporting;
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scanner.Tests.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Control;

/// <summary>The channel under clients that do what they should not.</summary>
[TestFixture]
internal sealed class ControlServerTests
{
    private static readonly FakeScan s_nothing = new(static () => FakeOutcome.Of());

    [Test]
    public void TheNameIsItsOwnersOnlyAndGoesWithTheServer()
    {
        string path;
        using (ServedSession served = new(s_nothing))
        {
            path = served.Server.Path;
            Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            Assert.That(ControlName.TryParse(Path.GetFileName(path), out ControlName name), Is.True);
            Assert.That(name, Is.EqualTo(ControlName.OfThisProcess()));
        }

        Assert.That(File.Exists(path), Is.False);
    }

    [Test]
    public void AFolderThatTakesNoSocketIsNoChannel()
        => Assert.That(ControlServer.TryOpen(static _ => ControlReply.Refuse(""), static () => { }, null,
            ["/proc/self", "/nonexistent", "/" + new string('x', 120)]), Is.Null);

    [Test]
    public void ANameLeftByAKilledProcessGoesAndALivingOneStays()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nl-");
        try
        {
            ControlName own = ControlName.OfThisProcess()!.Value;
            string dead = Path.Combine(folder.FullName, (own with { StartTime = own.StartTime + 1 }).ToString());
            string listening = Path.Combine(folder.FullName, (own with { StartTime = own.StartTime + 2 }).ToString());
            string other = Path.Combine(folder.FullName, "something-else-socket");
            // A name without anybody who listens is what a killed process leaves.
            using Socket killed = Bind(dead);
            using Socket foreign = Bind(other);
            using Socket elsewhere = Bind(listening);
            elsewhere.Listen();
            Assert.That(StaleNames.Remove(folder.FullName), Is.EqualTo(1));
            Assert.Multiple(() =>
            {
                Assert.That(File.Exists(dead), Is.False);
                Assert.That(File.Exists(listening), Is.True, "a process of another container looks gone and listens");
                Assert.That(File.Exists(other), Is.True);
            });
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void ACommandInPiecesIsACommand()
    {
        using ServedSession served = new(s_nothing);
        using RawClient client = served.Connect();
        foreach (byte one in RawClient.Message("ping"))
        {
            client.Send(one);
        }

        Assert.That(client.Answer().Text, Is.EqualTo("pong\n"));
    }

    [Test]
    public void CommandsSentTogetherAreAnsweredInOrder()
    {
        using ServedSession served = new(s_nothing);
        using RawClient client = served.Connect();
        client.Send([.. RawClient.Message("ping"), .. RawClient.Message("nonsense"), .. RawClient.Message("ping")]);
        Assert.That(
            new[] { client.Answer().Kind, client.Answer().Kind, client.Answer().Kind },
            Is.EqualTo(new[] { FrameKind.End, FrameKind.Error, FrameKind.End }));
    }

    [Test]
    public void GarbageIsAnsweredByAnErrorAndClosed()
    {
        using ServedSession served = new(s_nothing);
        using RawClient client = served.Connect();
        client.Send("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        Assert.That(client.Frame().Kind, Is.EqualTo(FrameKind.Error));
        Assert.That(client.IsClosed(), Is.True);
        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"));
    }

    [Test]
    public void HalfAMessageIsWaitedForOnlySoLong()
    {
        using ServedSession served = new(s_nothing, new ControlLimits { RequestTime = TimeSpan.FromMilliseconds(200) });
        using RawClient client = served.Connect();
        client.Send(RawClient.Message("ping")[..14]);
        Assert.That(client.IsClosed(), Is.True);
        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"));
    }

    [Test]
    public void ASilentClientIsClosedInTheEnd()
    {
        using ServedSession served = new(s_nothing, new ControlLimits { IdleTime = TimeSpan.FromMilliseconds(200) });
        using RawClient client = served.Connect();
        Assert.That(client.IsClosed(), Is.True);
    }

    [Test]
    public void AReaderThatTakesNothingIsClosedAndHoldsUpNobody()
    {
        // Far more than a socket's buffers hold.
        LostBlock[] blocks = [.. Enumerable.Range(1, 3000).Select(static i => Lost.Block((uint)i, Verdict.Definite, 8))];
        FakeFacts facts = new();
        foreach (LostBlock block in blocks)
        {
            facts.Sites[block.Site] = [new CallFrame(typeof(ControlServerTests).GetMethod(nameof(PlaceOfLeaks)), (int)block.Site)];
        }

        using ServedSession served = new(
            new FakeScan(() => FakeOutcome.Of(blocks)), new ControlLimits { StallTime = TimeSpan.FromMilliseconds(500) }, facts);
        using RawClient slow = served.Connect();
        slow.Socket.ReceiveBufferSize = 4096;
        slow.Ask("scan\nformat=json\nmax_leaks=0");
        FrameKind first = slow.Frame().Kind;
        while (first == FrameKind.Progress)
        {
            first = slow.Frame().Kind; // on a busy machine the scan takes its time
        }

        Assert.That(first, Is.EqualTo(FrameKind.Data));
        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"), "while the other does not read");
        Thread.Sleep(2000);
        Assert.That(slow.IsClosed(), Is.True);
        (FrameKind kind, string text) = served.Ask("scan\nformat=json\nmax_leaks=0");
        Assert.That(kind, Is.EqualTo(FrameKind.End));
        Assert.That(text.Length, Is.GreaterThan(1 << 20), "the control: it was more than fits into the buffers");
    }

    [Test]
    public void SilentClientsMakeRoomForOneThatSpeaks()
    {
        using ServedSession served = new(s_nothing, new ControlLimits { MaximumConnections = 3 });
        List<RawClient> silent = [];
        for (int i = 0; i < 200; i++)
        {
            silent.Add(served.Connect());
        }

        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"));
        silent.ForEach(static client => client.Dispose());
        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"));
    }

    [Test]
    public void ThousandsOfConnectionsAreTakenAndGo()
    {
        using ServedSession served = new(s_nothing);
        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 5000; i++)
        {
            using RawClient client = served.Connect();
            if (i % 3 == 0)
            {
                client.Ask("ping");
            }
        }

        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"));
        Assert.That(
            SpinWait.SpinUntil(() => Directory.GetFiles("/proc/self/fd").Length <= before + 4, TimeSpan.FromSeconds(30)), Is.True);
    }

    [Test]
    public void ALongScanTellsThatItRunsAndOthersAreServedMeanwhile()
    {
        using ManualResetEventSlim go = new();
        using ServedSession served = new(
            new FakeScan(() =>
            {
                go.Wait();
                return FakeOutcome.Of();
            }),
            new ControlLimits { ProgressInterval = TimeSpan.FromMilliseconds(20) });
        using RawClient client = served.Connect();
        client.Ask("scan");
        Assert.That((client.Frame().Kind, client.Frame().Kind), Is.EqualTo((FrameKind.Progress, FrameKind.Progress)));
        Assert.That(served.Ask("ping").Text, Is.EqualTo("pong\n"));
        go.Set();
        Assert.That(client.Answer().Kind, Is.EqualTo(FrameKind.End));
    }

    [Test]
    public void AClientThatGoesCancelsItsScan()
    {
        using LongScan scan = new(rounds: 1);
        using ServedSession served = new(scan);
        using (RawClient client = served.Connect())
        {
            client.Ask("scan");
            scan.Began.Wait();
            Assert.That(scan.IsAborted, Is.False, "somebody waits for it");
        }

        scan.Ended.Wait();
        Assert.That(scan.IsAborted, Is.True);
    }

    public static void PlaceOfLeaks()
    {
    }

    private static Socket Bind(string path)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        return socket;
    }
}
