// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using System.Globalization;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Verbs;

/// <summary>Lists .NET processes.</summary>
internal sealed class PsVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "ps";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["ps"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Lists the .NET processes of this user, and which of them are watched.");
        command.SetAction(static _ =>
        {
            Result.Write(PlainTable.Write(
            [
                ["pid", "name", "watched", "command"],
                .. DotnetProcess.List().Select(static process => (string[])
                [
                    process.Id.ToString(CultureInfo.InvariantCulture), process.Name, process.IsWatched ? "yes" : "no", process.CommandLine,
                ]),
            ]), null);
            return ExitCode.Success;
        });
        return command;
    }
}
