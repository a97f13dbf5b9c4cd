// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the layout of messages on the control channel (docs/design/control.md).
// Who calls it: ControlConnection in the process, the tool at the other end.
// The one idea: a header says how long a message is before a byte of it is kept, and no length is believed beyond a bound.
using System.Buffers.Binary;

namespace NativeLeak.Control;

/// <summary>What a message is.</summary>
internal enum FrameKind : byte
{
    /// <summary>None of those below.</summary>
    Unknown = 0,

    /// <summary>To the process: a command.</summary>
    Request = 1,

    /// <summary>From the process: it still works on it; the text says at what.</summary>
    Progress = 2,

    /// <summary>From the process: a piece of the result.</summary>
    Data = 3,

    /// <summary>From the process: the result is complete.</summary>
    End = 4,

    /// <summary>From the process: there is no result; the text says why.</summary>
    Error = 5,
}

/// <summary>Reads and writes the headers of messages.</summary>
/// <remarks><code>
///  0        4         5      6          8              12
///  | "NLCC" | version | kind | 0 (two)  | byte count   | payload …
/// </code>Numbers are little-endian; the byte count is that of the payload.</remarks>
internal static class ControlFrame
{
    /// <summary>The version of the layout and of the commands.</summary>
    public const byte Version = 1;

    /// <summary>Bytes of a header.</summary>
    public const int HeaderByteCount = 12;

    /// <summary>Most bytes of a command with its parameters.</summary>
    public const int MaximumRequestByteCount = 1024;

    /// <summary>Most bytes of one piece of a result; longer ones come in several.</summary>
    public const int MaximumDataByteCount = 16 * 1024;

    /// <summary>Most bytes of a whole result.</summary>
    public const int MaximumResultByteCount = 64 * 1024 * 1024;

    private const uint Magic = 0x4343_4C4E; // "NLCC"

    /// <summary>Writes a header.</summary>
    public static void Write(Span<byte> header, FrameKind kind, int byteCount)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        header[4] = Version;
        header[5] = (byte)kind;
        header[6] = 0;
        header[7] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], byteCount);
    }

    /// <summary>A whole message.</summary>
    public static byte[] Make(FrameKind kind, ReadOnlySpan<byte> payload)
    {
        byte[] message = new byte[HeaderByteCount + payload.Length];
        Write(message, kind, payload.Length);
        payload.CopyTo(message.AsSpan(HeaderByteCount));
        return message;
    }

    /// <summary>Reads a header.</summary>
    /// <param name="header">Its bytes, at least <see cref="HeaderByteCount"/>.</param>
    /// <param name="maximum">Most bytes that its payload may have.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="byteCount">Bytes of the payload.</param>
    /// <returns>Null, or what is wrong with it.</returns>
    public static string? Read(ReadOnlySpan<byte> header, int maximum, out FrameKind kind, out int byteCount)
    {
        (kind, byteCount) = (FrameKind.Unknown, 0);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic)
        {
            return "this is not a message of NativeLeak's control channel";
        }

        if (header[4] != Version)
        {
            return FormattableString.Invariant($"version {header[4]} of the control channel is not known here, only {Version}");
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (header[5] is 0 or > (byte)FrameKind.Error || header[6] != 0 || header[7] != 0)
        {
            return "a message of an unknown kind";
        }

        if (length > (uint)maximum)
        {
            return FormattableString.Invariant($"a message of {length} bytes is longer than {maximum}");
        }

        (kind, byteCount) = ((FrameKind)header[5], (int)length);
        return null;
    }
}
