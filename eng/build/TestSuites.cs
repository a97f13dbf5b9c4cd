// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the verb test.
// The one idea: a suite is a program of its own; whatever happens to it, its neighbours run and the sum is printed last.
using System.Diagnostics;

namespace NativeLeak.Build;

/// <summary>Runs every suite under tests/ as its own process.</summary>
internal static class TestSuites
{
    /// <summary>A suite that takes longer hangs; CI's own limit is 45 minutes for everything.</summary>
    public static readonly TimeSpan SuiteLimit = TimeSpan.FromMinutes(20);

    /// <summary>The suites: folders under tests/ that hold a project named *.Tests, by the project's name, in order.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Directory.EnumerateDirectories(Repository.PathOf("tests"), "*.Tests")
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.Tests.csproj"))
            .Select(project => Path.GetFileNameWithoutExtension(project)!)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Runs the suites whose names contain one of the words (all, without words) and prints the sum as the last line.</summary>
    /// <exception cref="UsageException">A word matches no suite.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> words)
    {
        string? unknown = words.FirstOrDefault(word => !Names.Any(name => Matches(name, word)));
        if (unknown is not null)
        {
            throw new UsageException($"no suite matches '{unknown}' ({string.Join(", ", Names)})");
        }

        SuiteResult sum = default;
        List<string> problems = [];
        foreach (string name in Names.Where(name => words.Count == 0 || words.Any(word => Matches(name, word))))
        {
            (SuiteResult result, string? problem) = await RunSuiteAsync(name).ConfigureAwait(false);
            sum += result;
            if (problem is not null)
            {
                problems.Add($"{name} {problem}");
            }
        }

        foreach (string problem in problems)
        {
            Console.WriteLine(problem);
        }

        Console.WriteLine(sum);
        return sum.Failed == 0 && sum.Passed > 0 ? 0 : 1;
    }

    private static async Task<(SuiteResult Result, string? Problem)> RunSuiteAsync(string name)
    {
        Console.WriteLine($"── {name}");
        ProcessStartInfo start = new(Tool.DotnetPath()) { WorkingDirectory = Repository.Root };
        start.ArgumentList.Add(Repository.ProgramOf(name));
        start.ArgumentList.Add("--no-ansi");
        start.ArgumentList.Add("--progress");
        start.ArgumentList.Add("off");
        (int? exitCode, IReadOnlyList<string> lines) = await Tool.WatchAsync(start, SuiteLimit).ConfigureAwait(false);
        SuiteResult result = SuiteResult.Read(lines, exitCode, out string? problem);
        return (result, problem);
    }

    private static bool Matches(string name, string word) => name.Contains(word, StringComparison.OrdinalIgnoreCase);
}
