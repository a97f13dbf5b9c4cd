// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest;

/// <summary>FNV-1a over the bytes of a frame.</summary>
internal static class Checksum
{
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2_166_136_261;
        foreach (byte value in bytes)
        {
            hash = unchecked((hash ^ value) * 16_777_619);
        }

        return hash;
    }
}
