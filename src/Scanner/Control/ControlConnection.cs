// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one client: the command it sends, the result it takes.
// Who calls it: ControlServer, on its thread.
// The one idea: one command at a time, in a buffer of fixed size that no scan reads; one piece of a result at a time; whatever
// a client does or does not do, the next clock or the next byte ends it.
// Safety: the buffer has BufferByteCount bytes and lives as long as the server.
using System.Runtime.Versioning;
using System.Text;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Control;

/// <summary>A connection. Used by one thread.</summary>
/// <param name="socket">Its socket; closed by <see cref="Close"/>.</param>
/// <param name="buffer">Memory of ours for what comes in.</param>
/// <param name="limits">What it may do.</param>
/// <param name="now">The time, in milliseconds of any origin.</param>
[SupportedOSPlatform("linux")]
internal sealed unsafe class ControlConnection(LocalSocket socket, nuint buffer, ControlLimits limits, long now)
{
    /// <summary>Bytes of the buffer.</summary>
    public const int BufferByteCount = ControlFrame.HeaderByteCount + ControlFrame.MaximumRequestByteCount;

    private long _since = now; // of the state it is in: silent, receiving, sending
    private long _sentAt = now, _progressAt = now;
    private int _received;
    private ControlReply? _reply;
    private byte[]? _output;
    private int _outputAt;
    private byte[]? _result;
    private int _resultAt;
    private bool _endsAfterOutput;

    /// <summary>Its socket's number.</summary>
    public int Descriptor => (int)socket.Descriptor;

    /// <summary>Whether it is over and to be closed.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether it waits for a scan.</summary>
    public bool Waits => _reply is not null;

    /// <summary>Whether it does nothing now: it may have to make room for another.</summary>
    public bool IsIdle => _reply is null && _output is null;

    /// <summary>Since when it does what it does.</summary>
    public long Since => _since;

    /// <summary>Whether the detector was asked to stop, and the answer is on its way.</summary>
    public bool StopsDetector { get; private set; }

    /// <summary>The events it waits for.</summary>
    public short Wanted => _output is not null ? LocalSocket.PollOut : _reply is null ? LocalSocket.PollIn : (short)0;

    /// <summary>Milliseconds until its time is over.</summary>
    public long Remaining(long now)
    {
        if (_output is not null)
        {
            return Math.Min(Left(_sentAt, limits.StallTime, now), Left(_since, limits.ResultTime, now));
        }

        return _reply is not null ? long.MaxValue : Left(_since, _received > 0 ? limits.RequestTime : limits.IdleTime, now);
    }

    /// <summary>Goes on after a wait.</summary>
    /// <param name="came">The events that came.</param>
    /// <param name="now">The time.</param>
    /// <param name="execute">Executes a command.</param>
    public void Step(short came, long now, Func<ControlRequest, ControlReply> execute)
    {
        if ((came & (LocalSocket.PollError | LocalSocket.PollHangUp | LocalSocket.PollInvalid)) != 0)
        {
            // What the other end sent before it closed is not looked at either: nobody is there to hear.
            IsOver = true;
            return;
        }

        if ((came & LocalSocket.PollIn) != 0 && IsIdle)
        {
            Receive(now, execute);
        }

        if (_reply is not null && _output is null)
        {
            Await(now);
        }

        if (_output is not null)
        {
            Send(now);
        }

        IsOver |= Remaining(now) <= 0;
    }

    /// <summary>Gives up what it waits for and closes.</summary>
    public void Close()
    {
        _reply?.Cancel();
        socket.Close();
    }

    private static long Left(long since, TimeSpan limit, long now) => since + (long)limit.TotalMilliseconds - now;

    private void Receive(long now, Func<ControlRequest, ControlReply> execute)
    {
        nint count = socket.Receive(buffer + (nuint)_received, Missing());
        if (count <= 0)
        {
            IsOver = count != -ErrorNumber.EAGAIN;
            return;
        }

        _since = _received == 0 ? now : _since;
        _received += (int)count;
        // Safety: _received bytes of the buffer were written by the kernel.
        ReadOnlySpan<byte> text = new((void*)buffer, _received);
        if (_received < ControlFrame.HeaderByteCount)
        {
            return;
        }

        string? error = ControlFrame.Read(text, ControlFrame.MaximumRequestByteCount, out FrameKind kind, out int byteCount);
        error ??= kind == FrameKind.Request ? null : "only requests come this way";
        if (error is not null)
        {
            Refuse(error, isLast: true, now);
        }
        else if (_received == ControlFrame.HeaderByteCount + byteCount)
        {
            Execute(text[ControlFrame.HeaderByteCount..], now, execute);
        }
    }

    // The header first, then exactly what it announces: never a byte of the next command.
    private int Missing()
    {
        if (_received < ControlFrame.HeaderByteCount)
        {
            return ControlFrame.HeaderByteCount - _received;
        }

        // Safety: the header is complete, and was checked when it became so.
        ControlFrame.Read(new((void*)buffer, _received), ControlFrame.MaximumRequestByteCount, out _, out int byteCount);
        return ControlFrame.HeaderByteCount + byteCount - _received;
    }

    private void Execute(ReadOnlySpan<byte> text, long now, Func<ControlRequest, ControlReply> execute)
    {
        ControlRequest? request = ControlRequest.Parse(text, out string error);
        _received = 0;
        _since = _progressAt = now;
        if (request is null)
        {
            Refuse(error, isLast: false, now);
            return;
        }

        _reply = execute(request);
    }

    private void Await(long now)
    {
        if (!_reply!.IsDone())
        {
            if (now - _progressAt >= (long)limits.ProgressInterval.TotalMilliseconds)
            {
                _progressAt = now;
                Put(ControlFrame.Make(FrameKind.Progress, Encoding.ASCII.GetBytes(
                    FormattableString.Invariant($"working for {(now - _since) / 1000.0:0.0} s"))), now);
            }

            return;
        }

        ControlReply reply = _reply;
        _reply = null;
        StopsDetector = reply.StopsDetector;
        _since = now;
        if (reply.Error is { } error)
        {
            Refuse(error, isLast: reply.StopsDetector, now);
            return;
        }

        (_result, _resultAt) = (reply.Result, 0);
        _endsAfterOutput |= reply.StopsDetector;
        NextPiece(now);
    }

    private void Refuse(string error, bool isLast, long now)
    {
        _received = 0;
        _since = now;
        _endsAfterOutput |= isLast;
        Put(ControlFrame.Make(FrameKind.Error, Encoding.UTF8.GetBytes(error)), now);
    }

    private void NextPiece(long now)
    {
        int count = Math.Min(_result!.Length - _resultAt, ControlFrame.MaximumDataByteCount);
        if (count == 0)
        {
            _result = null;
            Put(ControlFrame.Make(FrameKind.End, []), now);
            return;
        }

        Put(ControlFrame.Make(FrameKind.Data, _result.AsSpan(_resultAt, count)), now);
        _resultAt += count;
    }

    private void Put(byte[] message, long now) => (_output, _outputAt, _sentAt) = (message, 0, now);

    private void Send(long now)
    {
        while (_output is not null)
        {
            nint count = socket.Send(_output.AsSpan(_outputAt));
            if (count < 0)
            {
                IsOver |= count != -ErrorNumber.EAGAIN;
                return;
            }

            _outputAt += (int)count;
            _sentAt = now;
            if (_outputAt < _output.Length)
            {
                continue;
            }

            _output = null;
            if (_result is not null)
            {
                NextPiece(now);
            }
            else if (_reply is null)
            {
                // Silent from here on.
                _since = now;
                IsOver |= _endsAfterOutput;
            }
        }
    }
}
