// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>Finds what a mistyped word was meant to be: the candidate with the smallest edit distance
/// (Levenshtein).</summary>
internal static class NearestName
{
    private const int LongestCompared = 64;

    /// <summary>The nearest of <paramref name="candidates"/> (the first of equals), compared without case.</summary>
    public static string Find(ReadOnlySpan<char> word, IReadOnlyList<string> candidates)
    {
        string nearest = candidates[0];
        int best = int.MaxValue;
        foreach (string candidate in candidates)
        {
            int distance = Distance(word[..Math.Min(word.Length, LongestCompared)], candidate);
            if (distance < best)
            {
                (best, nearest) = (distance, candidate);
            }
        }

        return nearest;
    }

    /// <summary>Insertions, deletions and replacements that turn one word into the other.</summary>
    public static int Distance(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        int[] row = new int[right.Length + 1];
        for (int column = 0; column < row.Length; column++)
        {
            row[column] = column;
        }

        for (int line = 1; line <= left.Length; line++)
        {
            int diagonal = row[0];
            row[0] = line;
            for (int column = 1; column < row.Length; column++)
            {
                bool same = char.ToLowerInvariant(left[line - 1]) == char.ToLowerInvariant(right[column - 1]);
                int replaced = diagonal + (same ? 0 : 1);
                diagonal = row[column];
                row[column] = Math.Min(replaced, Math.Min(diagonal, row[column - 1]) + 1);
            }
        }

        return row[^1];
    }
}
