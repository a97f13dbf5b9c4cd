// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Scan;

/// <summary>Marsaglia's xorshift generator, as benchmarks/peers/scan.c has it: both build the same graph.</summary>
internal struct Xorshift()
{
    private ulong _state = 88172645463325252;

    /// <summary>The next number.</summary>
    public ulong Next()
    {
        _state ^= _state << 13;
        _state ^= _state >> 7;
        _state ^= _state << 17;
        return _state;
    }

    /// <summary>A number below <paramref name="count"/>.</summary>
    public long Below(long count) => (long)(Next() % (ulong)count);
}
