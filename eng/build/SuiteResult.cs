// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text.RegularExpressions;

namespace NativeLeak.Build;

/// <summary>What one suite (or all of them together) did.</summary>
internal readonly partial record struct SuiteResult(int Passed, int Failed, int Skipped)
{
    private const int ExitSuccess = 0;
    private const int ExitTestsFailed = 2;

    /// <summary>
    /// Reads the test platform's own closing summary and checks it against the exit code: a suite that crashed, ran nothing,
    /// or whose words and exit code disagree, counts as one failure more.
    /// </summary>
    /// <param name="lines">What the suite printed. Only its last summary counts: a test may print one of its own.</param>
    /// <param name="exitCode">How it ended; null when it was ended by the time limit.</param>
    /// <param name="problem">What was wrong with the run itself, null when nothing was.</param>
    public static SuiteResult Read(IReadOnlyList<string> lines, int? exitCode, out string? problem)
    {
        int start = lines.Count - 1;
        while (start >= 0 && !lines[start].StartsWith("Test run summary:", StringComparison.Ordinal))
        {
            start--;
        }

        Dictionary<string, int> counts = [];
        for (int i = start + 1; start >= 0 && i < lines.Count && Count().Match(lines[i]) is { Success: true } match; i++)
        {
            counts[match.Groups["name"].Value] = int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture);
        }

        bool complete = counts.TryGetValue("total", out int total) & counts.TryGetValue("succeeded", out int passed)
            & counts.TryGetValue("failed", out int failed) & counts.TryGetValue("skipped", out int skipped);
        problem = exitCode switch
        {
            null => "was ended by the time limit",
            _ when !complete => Invariant($"ended with exit code {exitCode} and without a summary"),
            _ when total == 0 => "ran no test",
            _ when total != passed + failed + skipped => "has a summary that does not add up",
            ExitSuccess when failed == 0 => null,
            ExitTestsFailed when failed > 0 => null,
            _ => Invariant($"ended with exit code {exitCode} against {failed} failed tests"),
        };
        return new SuiteResult(passed, failed + (problem is null ? 0 : 1), skipped);
    }

    /// <summary>Adds up.</summary>
    public static SuiteResult operator +(SuiteResult left, SuiteResult right)
        => new(left.Passed + right.Passed, left.Failed + right.Failed, left.Skipped + right.Skipped);

    /// <summary>The line that CI reads: <c>N passed, N failed</c>, and <c>, N skipped</c> when there were any.</summary>
    public override string ToString() => Skipped == 0
        ? Invariant($"{Passed} passed, {Failed} failed")
        : Invariant($"{Passed} passed, {Failed} failed, {Skipped} skipped");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\s+(?<name>total|failed|succeeded|skipped): (?<count>\d+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Count();
}
