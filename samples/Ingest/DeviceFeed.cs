// Licensed under the MIT License. See LICENSE in the repository root.
using System.Buffers.Binary;
using System.Text;

namespace Ingest;

/// <summary>
/// The wire, as seen by the service: a fixed recording of frames. A frame is the length of the name, the name, the time,
/// the temperature and a checksum; about one in fifty arrives damaged.
/// </summary>
internal sealed class DeviceFeed(int frameCount)
{
    private static readonly string[] s_sites = ["boiler", "silo", "yard", "roof"];

    private readonly Random _random = new(20_260_801);

    /// <summary>Every frame of the recording, in order.</summary>
    public IEnumerable<byte[]> ReadFrames()
    {
        for (int i = 0; i < frameCount; i++)
        {
            string device = $"{s_sites[_random.Next(s_sites.Length)]}/{_random.Next(1, 7)}";
            double celsius = 20 + (15 * Math.Sin(i / 90.0)) + (_random.NextDouble() * 4);
            byte[] frame = Encode(device, 1_780_000_000 + (i * 5L), celsius);
            if (_random.Next(50) == 0)
            {
                frame[_random.Next(1, frame.Length)] ^= 0x40;
            }

            yield return frame;
        }
    }

    private static byte[] Encode(string device, long unixSeconds, double celsius)
    {
        byte[] name = Encoding.UTF8.GetBytes(device);
        byte[] frame = new byte[1 + name.Length + sizeof(long) + sizeof(double) + sizeof(uint)];
        frame[0] = (byte)name.Length;
        name.CopyTo(frame, 1);
        Span<byte> rest = frame.AsSpan(1 + name.Length);
        BinaryPrimitives.WriteInt64LittleEndian(rest, unixSeconds);
        BinaryPrimitives.WriteDoubleLittleEndian(rest[sizeof(long)..], celsius);
        BinaryPrimitives.WriteUInt32LittleEndian(
            rest[(sizeof(long) + sizeof(double))..], Checksum.Of(frame.AsSpan(0, frame.Length - sizeof(uint))));
        return frame;
    }
}
