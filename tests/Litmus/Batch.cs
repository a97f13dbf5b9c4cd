// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Litmus;

/// <summary>What one batch of rounds did.</summary>
/// <param name="Rounds">Attempts.</param>
/// <param name="Raced">Attempts in which both sides met: a run without any proves nothing.</param>
/// <param name="Violations">Attempts that ended as they never may.</param>
/// <param name="Seen">The first of them, in words.</param>
internal readonly record struct Batch(long Rounds, long Raced, long Violations, string? Seen)
{
    public static Batch operator +(Batch left, Batch right) => new(
        left.Rounds + right.Rounds, left.Raced + right.Raced, left.Violations + right.Violations, left.Seen ?? right.Seen);
}
