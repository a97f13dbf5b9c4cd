// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using System.Text;

namespace Ingest.After;

/// <summary>Works on an unmanaged copy of the frame, as the vendor's decoder once did.</summary>
internal sealed unsafe class FrameDecoder : IFrameDecoder
{
    public Reading Decode(ReadOnlySpan<byte> frame)
    {
        nint copy = Marshal.AllocHGlobal(frame.Length);
        try
        {
            Span<byte> bytes = new((void*)copy, frame.Length);
            frame.CopyTo(bytes);

            int body = bytes.Length - sizeof(uint);
            if (Checksum.Of(bytes[..body]) != MemoryMarshal.Read<uint>(bytes[body..]))
            {
                throw new InvalidDataException("The checksum does not match.");
            }

            int nameLength = bytes[0];
            string device = Encoding.UTF8.GetString(bytes.Slice(1, nameLength));
            long time = MemoryMarshal.Read<long>(bytes[(1 + nameLength)..]);
            double celsius = MemoryMarshal.Read<double>(bytes[(1 + nameLength + sizeof(long))..]);
            return new Reading(device, time, celsius);
        }
        finally
        {
            Marshal.FreeHGlobal(copy);
        }
    }
}
