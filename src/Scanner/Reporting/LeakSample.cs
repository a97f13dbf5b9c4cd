// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>One lost block of a group.</summary>
/// <remarks>The address is kept complemented, so that a report in memory never keeps a leak alive for the next
/// scan.</remarks>
public sealed class LeakSample
{
    private readonly nuint _complement;

    internal LeakSample(nuint address, long byteCount, long ordinal, string hex)
        => (_complement, ByteCount, Ordinal, Hex) = (~address, byteCount, ordinal, hex);

    /// <summary>Start of the block. A caller that stores it makes the block reachable again.</summary>
    public nuint Address => ~_complement;

    /// <summary>Bytes the caller asked for.</summary>
    public long ByteCount { get; }

    /// <summary>The how-manieth allocation of the process it was, from 1.</summary>
    public long Ordinal { get; }

    /// <summary>The first bytes of its content (at most 30) as hexadecimal digits, two a byte.</summary>
    public string Hex { get; }
}
