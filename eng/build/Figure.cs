// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one figure of the comparison: how it is computed in a round, and what it should be.
// Who calls it: FigureTable.
// The one idea: a figure is made from lines of the same round, and its median over the rounds is the answer: what the
// machine did to a round, it did to both sides of the ratio.
namespace NativeLeak.Build;

/// <summary>A figure and its targets.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Must">At most this, or with <see cref="IsLeast"/> at least; null: there is no target, the figure is for orientation.</param>
/// <param name="Aim">Better than <paramref name="Must"/>.</param>
/// <param name="Compute">Its value in one round; null when the round lacks a line.</param>
internal sealed record Figure(string Name, double? Must, double? Aim, Func<RoundLines, double?> Compute)
{
    /// <summary>Whether more is better.</summary>
    public bool IsLeast { get; init; }

    /// <summary>Judges a median.</summary>
    public string Judge(double median) => this switch
    {
        { Must: null } => "-",
        { Aim: { } aim } when Reaches(median, aim) => "aim met",
        { Must: { } must } when Reaches(median, must) => "met",
        _ => "NOT met",
    };

    private bool Reaches(double median, double target) => IsLeast ? median >= target : median <= target;

    /// <summary>The middle of an odd number of values, the mean of the middle two of an even one.</summary>
    public static double Median(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        int half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
