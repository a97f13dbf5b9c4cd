// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Text.RegularExpressions;
using NativeLeak.Build;

namespace NativeLeak.Project.Tests;

/// <summary>README's table of options is the product's own, as help=1 prints it.</summary>
[TestFixture]
internal sealed partial class OptionDocumentTests
{
    private static readonly Lazy<Option[]> s_product = new(static () => [.. ReadProduct()]);

    [Test]
    public void TheProductHasOptions() => Assert.That(s_product.Value, Has.Length.GreaterThanOrEqualTo(17));

    [Test]
    public void EveryOptionHasItsRowAndNoOtherThingHas()
        => Assert.That(ReadDocument(), Is.EqualTo(s_product.Value));

    private static IEnumerable<Option> ReadDocument()
    {
        IEnumerable<string> lines = SourceTree.Lines("README.md")
            .SkipWhile(line => !line.StartsWith("| Key |", StringComparison.Ordinal))
            .Skip(2)
            .TakeWhile(line => line.StartsWith('|'));
        foreach (string line in lines)
        {
            string[] cells = line.Replace("`", "", StringComparison.Ordinal).Trim('|').Split('|', StringSplitOptions.TrimEntries);
            yield return new Option(cells[0], cells[1], cells[2], cells[3]);
        }
    }

    // The words of a choice stand between bars, which a table in a document cannot hold.
    private static IEnumerable<Option> ReadProduct()
        => Row().Matches(PrintHelp()).Select(match => new Option(
            match.Groups["name"].Value,
            match.Groups["unit"].Value.Replace("|", ", ", StringComparison.Ordinal),
            match.Groups["default"].Value,
            match.Groups["help"].Value));

    private static string PrintHelp()
    {
        ProcessStartInfo start = new(Tool.DotnetPath(), [Repository.ProgramOf("NativeLeak.LeakCases"), "--list"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Injection.Apply(start);
        start.Environment["NATIVELEAK"] = "on";
        start.Environment["NATIVELEAK_OPTIONS"] = "help=1";
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        _ = output.Result;
        return error;
    }

    [GeneratedRegex(
        @"^  (?<name>\w+) \((?<unit>[^)]*)\)\n      (?<help>.*)\n      default (?<default>.*), now .* \([^)]*\)$",
        RegexOptions.Multiline)]
    private static partial Regex Row();

    private sealed record Option(string Name, string Values, string Default, string Help);
}
