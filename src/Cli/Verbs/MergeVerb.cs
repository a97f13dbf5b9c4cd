// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Reports;

namespace NativeLeak.Cli.Verbs;

/// <summary>Makes one report of several.</summary>
internal sealed class MergeVerb : Verb
{
    private readonly OutputOptions _output = new();
    private readonly Argument<string[]> _files = new("files") { Description = "Reports in JSON.", Arity = ArgumentArity.OneOrMore };

    /// <inheritdoc/>
    public override string Name => "merge";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["merge leaks-1.json leaks-2.json", "merge leaks-*.json --format json -o all.json"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Adds reports up: leaks of one site and kind are one group, and the whole is conclusive if every report is.");
        command.Add(_files);
        _output.AddTo(command);
        command.SetAction(parsed =>
        {
            _output.Write(parsed, ReportMerge.Merge([.. parsed.GetValue(_files)!.Select(ReportReader.ReadFile)]));
            return ExitCode.Success;
        });
        return command;
    }
}
