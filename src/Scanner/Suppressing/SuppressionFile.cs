// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the files that the option "suppressions" names.
// Who calls it: SuppressionSet, for each report.
// The one idea: whatever is wrong with a file costs a warning with file and line in the report; its other lines count.
using System.Globalization;
using System.Text;

namespace NativeLeak.Suppressing;

/// <summary>Reads suppression files. Never throws for what a file is or holds.</summary>
internal static class SuppressionFile
{
    /// <summary>A file is not read beyond this.</summary>
    public const int MaximumByteCount = 1 << 20;

    private const int MaximumWarnings = 10;

    /// <summary>Reads files.</summary>
    /// <param name="paths">Their paths, separated by commas or semicolons; empty: none.</param>
    /// <param name="suppressions">Where suppressions are added.</param>
    /// <param name="warnings">Where is said what was wrong.</param>
    public static void Read(string paths, List<Suppression> suppressions, List<string> warnings)
    {
        foreach (string path in paths.Split([',', ';'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                ReadLines(path, ReadText(path, warnings), suppressions, warnings);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                warnings.Add($"the suppressions in {path} cannot be read: {exception.Message}");
            }
        }
    }

    private static string ReadText(string path, List<string> warnings)
    {
        using FileStream file = File.OpenRead(path);
        byte[] bytes = new byte[MaximumByteCount];
        int count = file.ReadAtLeast(bytes, MaximumByteCount, throwOnEndOfStream: false);
        if (count == MaximumByteCount && file.ReadByte() >= 0)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"{path} is longer than {MaximumByteCount} bytes: the suppressions behind them are not read"));
        }

        return Encoding.UTF8.GetString(bytes, 0, count);
    }

    private static void ReadLines(string path, string text, List<Suppression> suppressions, List<string> warnings)
    {
        int number = 0, wrong = 0;
        foreach (string line in text.TrimStart('\uFEFF').Split('\n'))
        {
            string source = string.Create(CultureInfo.InvariantCulture, $"{path}:{++number}");
            Suppression? suppression = SuppressionParser.Parse(line, source, out string? error);
            if (suppression is not null)
            {
                suppressions.Add(suppression);
            }
            else if (error is not null && ++wrong <= MaximumWarnings)
            {
                warnings.Add($"{source}: {error}");
            }
        }

        if (wrong > MaximumWarnings)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{path}: {wrong - MaximumWarnings} more line(s) are no suppressions"));
        }
    }
}
