// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Annotations;

namespace NativeLeak;

/// <summary>
/// How an application writes pointers that are not plain addresses: with bits set in them, combined with a key, or as
/// distances from a base. For <see cref="LeakHints.DecodePointers"/> and LeakDetector.RegisterRoot; a scan then reads the
/// block or range both ways, plainly and decoded.
/// </summary>
/// <remarks>A value, safe to share. The default value decodes nothing. Cost: a scan reads such memory twice. The idea is the
/// hidden pointer of Boehm's collector and of gperftools' heap checker, turned round: instead of hiding, the application says
/// how it hides.</remarks>
public readonly struct PointerDecoder : IEquatable<PointerDecoder>
{
    private const int MaximumShift = 16;

    private PointerDecoder(DecoderForm form, int shift, nuint value)
    {
        Form = (uint)form | ((uint)shift << 8);
        Value = value;
    }

    /// <summary>Form in the low eight bits, shift above.</summary>
    internal uint Form { get; }

    /// <summary>The mask, key or base. A base is complemented: this value must keep nothing alive.</summary>
    internal nuint Value { get; }

    /// <summary>Pointers that carry bits of their own, such as a tag in the low bits or a version in the high ones.</summary>
    /// <param name="mask">The bits that are not part of the address; 0 decodes nothing.</param>
    public static PointerDecoder TagBits(nuint mask) => mask == 0 ? default : new(DecoderForm.Mask, 0, mask);

    /// <summary>Pointers that are combined with a key by exclusive or.</summary>
    /// <param name="key">The key; <c>nuint.MaxValue</c> for complements; 0 decodes nothing.</param>
    public static PointerDecoder Xor(nuint key) => key == 0 ? default : new(DecoderForm.Xor, 0, key);

    /// <summary>Distances from a base, in 32 or 64 bits; a distance of 0 is no pointer.</summary>
    /// <param name="origin">What distances are counted from. Any number is legal; nothing is read there.</param>
    /// <param name="shift">By how many bits a distance is shifted left: 0 … 16.</param>
    /// <param name="is64Bit">Whether a distance takes 64 bits; else 32, without sign.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="shift"/> is below 0 or above 16.</exception>
    public static PointerDecoder BasePlusOffset(nuint origin, int shift = 0, bool is64Bit = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(shift);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(shift, MaximumShift);
        return new(is64Bit ? DecoderForm.Offset64 : DecoderForm.Offset32, shift, ~origin);
    }

    /// <summary>Whether two decode alike.</summary>
    public static bool operator ==(PointerDecoder left, PointerDecoder right) => left.Equals(right);

    /// <summary>Whether two decode differently.</summary>
    public static bool operator !=(PointerDecoder left, PointerDecoder right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(PointerDecoder other) => Form == other.Form && Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PointerDecoder other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Form, Value);
}
