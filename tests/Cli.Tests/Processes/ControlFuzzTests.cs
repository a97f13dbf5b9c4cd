// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: 100,000 messages that nobody should send, to a real process that works meanwhile.
// The one idea: the seed is printed, so that what was found can be found again; a control shows that good messages among them
// were understood.
using System.Net.Sockets;
using System.Text;
using NativeLeak.Control;

namespace NativeLeak.Cli.Tests.Processes;

/// <summary>The control channel under hostile input.</summary>
[TestFixture]
internal sealed class ControlFuzzTests
{
    private const int Messages = 100_000;

    private static readonly string[] s_words =
        ["scan", "clear", "scan=", "stack=on", "stack=off", "who=", "dump=7f0000000000", "path=0", "status", "ping", "sites", "format=json", "min_age=0", "=", "off", ""];

    [Test]
    public void AHundredThousandBadMessagesHarmNobody()
    {
        int seed = Environment.GetEnvironmentVariable("NATIVELEAK_FUZZ_SEED") is { } text ? int.Parse(text) : Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed} (NATIVELEAK_FUZZ_SEED repeats it)");
        Random random = new(seed);
        using Service service = Service.Watched().WithChannel();
        string path = Path.Join("/tmp", service.SocketName);
        int sent = 0, connections = 0, answered = 0;
        Socket? open = null;
        while (sent < Messages)
        {
            if (open is null)
            {
                open = Connect(path);
                connections++;
            }

            byte[] message = Make(random);
            sent++;
            bool goesOn = TrySend(open, message, random, ref answered);
            if (!goesOn || random.Next(20) == 0)
            {
                open.Dispose();
                open = null;
            }

            if (sent % 10_000 == 0)
            {
                Assert.That(service.HasExited, Is.False, $"seed {seed}, message {sent}");
                Assert.That(service.Tell("work 100"), Is.EqualTo("done"), $"seed {seed}, message {sent}");
            }
        }

        open?.Dispose();
        Assert.That(answered, Is.GreaterThan(1000), "the control: some were understood");
        Assert.That(Tool.Run("control", "-p", service.Number, "ping").Output, Is.EqualTo("pong\n"), $"seed {seed}");
        service.Tell("leak 4 777");
        Assert.That(Tool.Run("scan", "-p", service.Number, "--min-age", "0").Output, Does.Contain("Service.Leak"), $"seed {seed}");
        ToolResult end = service.End();
        Assert.That((end.ExitCode, end.Output, end.Error), Is.EqualTo((0, "", "")), $"seed {seed}");
        TestContext.Out.WriteLine($"{sent} messages on {connections} connections, {answered} answers");
    }

    private static Socket Connect(string path)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000, SendTimeout = 60_000 };
        // The queue of those that wait is short: a full one refuses.
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                return socket;
            }
            catch (SocketException problem) when (problem.SocketErrorCode is SocketError.WouldBlock or SocketError.TryAgain && attempt < 10_000)
            {
                Thread.Sleep(1);
            }
        }
    }

    // False: the connection is of no more use.
    private static bool TrySend(Socket socket, byte[] message, Random random, ref int answered)
    {
        try
        {
            socket.Send(message);
            if (random.Next(4) == 0 && socket.Poll(2000, SelectMode.SelectRead))
            {
                byte[] some = new byte[random.Next(1, 4096)];
                int read = socket.Receive(some);
                answered += read > 0 ? 1 : 0;
                return read > 0;
            }

            return true;
        }
        catch (SocketException)
        {
            return false; // the process closed: as it should after most of these
        }
    }

    private static byte[] Make(Random random)
    {
        switch (random.Next(8))
        {
            case 0: // anything
                byte[] noise = new byte[random.Next(1, 200)];
                random.NextBytes(noise);
                return noise;
            case 1: // a good message with a wrong byte
                byte[] wrong = Good(random);
                wrong[random.Next(wrong.Length)] ^= (byte)(1 << random.Next(8));
                return Harmless(wrong);
            case 2: // half of one
                byte[] half = Good(random);
                return half[..random.Next(1, half.Length)];
            case 3: // one that announces more than it may, or has
                byte[] header = new byte[ControlFrame.HeaderByteCount];
                ControlFrame.Write(header, FrameKind.Request, random.Next());
                return header;
            case 4: // bytes behind it
                return [.. Good(random), .. Good(random)[..random.Next(1, 12)]];
            case 5: // the longest one
                return ControlFrame.Make(FrameKind.Request, Encoding.ASCII.GetBytes(new string((char)random.Next(' ', 127), ControlFrame.MaximumRequestByteCount)));
            case 6: // kinds that only the process sends
                return ControlFrame.Make((FrameKind)random.Next(2, 6), "ping"u8);
            default:
                return Good(random);
        }
    }

    // Commands of words and junk. Scans are real work, a few of a hundred thousand are enough; none ends the detector.
    private static byte[] Good(Random random)
    {
        string command = random.Next(3) == 0 ? "ping" : s_words[random.Next(s_words.Length)] + (random.Next(2) == 0 ? "" : random.Next().ToString());
        command = command is "scan" or "clear" or "sites" or "off" || IsWork(command) ? (random.Next(400) == 0 ? "sites" : "status") : command;
        string text = command + (random.Next(3) == 0 ? "\n" + s_words[random.Next(s_words.Length)] : "");
        return ControlFrame.Make(FrameKind.Request, Encoding.ASCII.GetBytes(text));
    }

    private static bool IsWork(string command) => command.StartsWith("who=", StringComparison.Ordinal) || command.StartsWith("dump=", StringComparison.Ordinal)
        || command.StartsWith("path=", StringComparison.Ordinal) || command.StartsWith("scan=", StringComparison.Ordinal);

    // A flipped bit may make "off" of another word.
    private static byte[] Harmless(byte[] message)
        => Encoding.Latin1.GetString(message).Contains("off", StringComparison.OrdinalIgnoreCase) ? "NLCC"u8.ToArray() : message;
}
