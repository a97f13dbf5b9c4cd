// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the tool's end of the control channel.
// Who calls it: the verbs that talk to a running process.
// The one idea: what answers must be the process that was asked for: the kernel says who listens. No answer is believed longer
// than a bound, and silence has an end.
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using NativeLeak.Control;

namespace NativeLeak.Cli.Processes;

/// <summary>A connection to a process's control channel.</summary>
internal sealed class ControlClient : IDisposable
{
    // A process that works sends progress twice a second; one that is stopped sends nothing.
    private const int SilenceMilliseconds = 30_000;
    private const int SocketLevel = 1, PeerCredentials = 17; // SOL_SOCKET, SO_PEERCRED of asm-generic/socket.h

    private readonly Socket _socket;
    private readonly int _processId;

    private ControlClient(Socket socket, int processId) => (_socket, _processId) = (socket, processId);

    /// <summary>Connects.</summary>
    /// <exception cref="ToolException">There is no such process, or it has no channel.</exception>
    public static ControlClient Connect(int processId) => TryConnect(processId, out string problem)
        ?? throw new ToolException(problem);

    /// <summary>Connects; null when there is nothing to connect to.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="problem">Why not.</param>
    public static ControlClient? TryConnect(int processId, out string problem)
    {
        problem = ControlName.Of(processId) is null
            ? $"there is no process {processId}"
            : $"process {processId} is not watched, or has no control channel (attach starts one; the option control=0 keeps it closed)";
        foreach (string path in TargetPlaces.ControlPaths(processId))
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            {
                ReceiveTimeout = SilenceMilliseconds, SendTimeout = SilenceMilliseconds,
            };
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                if (IsServedBy(socket, processId))
                {
                    return new ControlClient(socket, processId);
                }

                problem = $"{path} is served by another process than {processId}";
            }
            catch (Exception refusal) when (refusal is SocketException or ArgumentException or IOException)
            {
                if (refusal is SocketException { SocketErrorCode: SocketError.AccessDenied })
                {
                    problem = $"process {processId} belongs to another user";
                }
            }

            socket.Dispose();
        }

        return null;
    }

    /// <summary>Asks, and waits for the answer.</summary>
    /// <param name="request">The command.</param>
    /// <param name="progress">Told what takes so long.</param>
    /// <exception cref="ToolException">The process refuses, does not answer, or ends.</exception>
    public byte[] Ask(ControlRequest request, Action<string>? progress = null)
    {
        try
        {
            byte[] message = ControlFrame.Make(FrameKind.Request, request.ToBytes());
            if (message.Length > ControlFrame.HeaderByteCount + ControlFrame.MaximumRequestByteCount)
            {
                throw new ToolException(ExitCode.Usage, "the command is too long");
            }

            _socket.Send(message);
            using MemoryStream result = new();
            while (true)
            {
                byte[] payload = ReadFrame(out FrameKind kind);
                switch (kind)
                {
                    case FrameKind.Data when result.Length + payload.Length <= ControlFrame.MaximumResultByteCount:
                        result.Write(payload);
                        break;
                    case FrameKind.End:
                        return result.ToArray();
                    case FrameKind.Error:
                        throw new ToolException($"process {_processId}: {Encoding.UTF8.GetString(payload)}");
                    case FrameKind.Progress:
                        progress?.Invoke(Encoding.UTF8.GetString(payload));
                        break;
                    default:
                        throw new ToolException($"process {_processId} answers in a way that is not understood");
                }
            }
        }
        catch (SocketException problem)
        {
            throw new ToolException(problem.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock
                ? $"process {_processId} has not answered for {SilenceMilliseconds / 1000} s"
                : $"process {_processId} does not answer any more: {problem.Message}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static bool IsServedBy(Socket socket, int processId)
    {
        byte[] credentials = new byte[12]; // struct ucred: process, user, group
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == credentials.Length
            && BinaryPrimitives.ReadInt32LittleEndian(credentials) == processId;
    }

    private byte[] ReadFrame(out FrameKind kind)
    {
        string? error = ControlFrame.Read(
            ReadExactly(ControlFrame.HeaderByteCount), ControlFrame.MaximumDataByteCount, out kind, out int byteCount);
        return error is null ? ReadExactly(byteCount) : throw new ToolException($"process {_processId}: {error}");
    }

    private byte[] ReadExactly(int byteCount)
    {
        byte[] bytes = new byte[byteCount];
        for (int at = 0; at < byteCount;)
        {
            int read = _socket.Receive(bytes, at, byteCount - at, SocketFlags.None);
            at += read > 0 ? read : throw new ToolException($"process {_processId} closed the connection: did it end?");
        }

        return bytes;
    }
}
