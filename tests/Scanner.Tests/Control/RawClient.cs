// Licensed under the MIT License. See LICENSE in the repository root.
using System.Net.Sockets;
using System.Text;
using NativeLeak.Control;

namespace NativeLeak.Scanner.Tests.Control;

/// <summary>A client that sends whatever it is told, byte by byte if need be.</summary>
internal sealed class RawClient : IDisposable
{
    // Far above what any answer takes: it only turns a hang into a failure.
    private const int PatienceMilliseconds = 60_000;

    public RawClient(string path)
    {
        Socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = PatienceMilliseconds, SendTimeout = PatienceMilliseconds,
        };
        Socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    public Socket Socket { get; }

    public static byte[] Message(string command) => ControlFrame.Make(FrameKind.Request, Encoding.ASCII.GetBytes(command));

    public RawClient Send(params byte[] bytes)
    {
        Socket.Send(bytes);
        return this;
    }

    public RawClient Ask(string command) => Send(Message(command));

    /// <summary>The whole answer: the kind of its last message, and its text (or the error's).</summary>
    public (FrameKind Kind, string Text) Answer()
    {
        using MemoryStream text = new();
        while (true)
        {
            (FrameKind kind, byte[] payload) = Frame();
            switch (kind)
            {
                case FrameKind.Data:
                    text.Write(payload);
                    break;
                case FrameKind.End:
                    return (kind, Encoding.UTF8.GetString(text.ToArray()));
                case FrameKind.Error:
                    return (kind, Encoding.UTF8.GetString(payload));
                default:
                    break;
            }
        }
    }

    /// <summary>One message.</summary>
    public (FrameKind Kind, byte[] Payload) Frame()
    {
        byte[] header = Exactly(ControlFrame.HeaderByteCount);
        string? error = ControlFrame.Read(header, ControlFrame.MaximumDataByteCount, out FrameKind kind, out int byteCount);
        Assert.That(error, Is.Null);
        return (kind, Exactly(byteCount));
    }

    /// <summary>Whether the other end closed.</summary>
    public bool IsClosed()
    {
        try
        {
            byte[] one = new byte[1];
            while (Socket.Receive(one) > 0)
            {
                // What is still on its way.
            }

            return true;
        }
        catch (SocketException problem)
        {
            return problem.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown;
        }
    }

    public void Dispose() => Socket.Dispose();

    private byte[] Exactly(int count)
    {
        byte[] bytes = new byte[count];
        for (int at = 0; at < count;)
        {
            int read = Socket.Receive(bytes, at, count - at, SocketFlags.None);
            Assert.That(read, Is.Positive, "the process closed the connection");
            at += read;
        }

        return bytes;
    }
}
