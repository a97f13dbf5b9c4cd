// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>A number of blocks and their bytes.</summary>
/// <param name="Blocks">How many blocks.</param>
/// <param name="Bytes">The bytes their callers asked for, together.</param>
public readonly record struct BlockTotal(long Blocks, long Bytes)
{
    /// <summary>The sum of two totals.</summary>
    public static BlockTotal operator +(BlockTotal left, BlockTotal right) => Add(left, right);

    /// <summary>The sum of two totals.</summary>
    public static BlockTotal Add(BlockTotal left, BlockTotal right)
        => new(left.Blocks + right.Blocks, left.Bytes + right.Bytes);

    /// <summary>Whether these are more blocks than the others; of as many, whether they have more bytes.</summary>
    internal bool IsMoreThan(BlockTotal other) => Blocks != other.Blocks ? Blocks > other.Blocks : Bytes > other.Bytes;
}
