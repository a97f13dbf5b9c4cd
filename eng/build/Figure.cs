// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one figure of the comparison: how it is computed in a round, and what it should be.
// Who calls it: FigureTable.
// The one idea: a figure is made from lines of the same round, and its median over the rounds is the answer: what the
// machine did to a round, it did to both sides of the ratio.
namespace NativeLeak.Build;

/// <summary>A figure and its targets.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Must">At most this; null: there is no target, the figure is for orientation.</param>
/// <param name="Aim">Better: at most this.</param>
/// <param name="Compute">Its value in one round; null when the round lacks a line.</param>
internal sealed record Figure(string Name, double? Must, double? Aim, Func<RoundLines, double?> Compute)
{
    /// <summary>Judges a median.</summary>
    public string Judge(double median) => this switch
    {
        { Must: null } => "-",
        { Aim: { } aim } when median <= aim => "aim met",
        _ when median <= Must => "met",
        _ => "NOT met",
    };

    /// <summary>The middle of an odd number of values, the mean of the middle two of an even one.</summary>
    public static double Median(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        int half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
