// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest;

/// <summary>Turns a frame into a reading.</summary>
internal interface IFrameDecoder
{
    /// <exception cref="InvalidDataException">The frame is damaged.</exception>
    Reading Decode(ReadOnlySpan<byte> frame);
}
