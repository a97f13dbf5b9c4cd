// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using NativeLeak.Cli.Processes;

namespace NativeLeak.Cli.Verbs;

/// <summary>The options that name a process: <c>-p</c> and <c>-n</c>, as in the other diagnostic tools.</summary>
internal sealed class TargetOptions
{
    private readonly Option<int?> _processId = new("--process-id", "-p") { Description = "The number of the process." };
    private readonly Option<string?> _name = new("--name", "-n") { Description = "The name of the process, or of its application." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        _processId.CompletionSources.Add(static _ => DotnetProcess.List().Select(static process
            => new CompletionItem(process.Id.ToString(CultureInfo.InvariantCulture))));
        _name.CompletionSources.Add(static _ => DotnetProcess.List().Select(static process => new CompletionItem(process.Name)));
        command.Add(_processId);
        command.Add(_name);
        command.Validators.Add(result =>
        {
            bool hasNumber = result.GetResult(_processId) is not null, hasName = result.GetResult(_name) is not null;
            if (hasNumber == hasName)
            {
                result.AddError(hasNumber
                    ? "--process-id and --name name two processes: one is enough"
                    : "which process? --process-id or --name tells (dotnet nativeleak ps lists them)");
            }
        });
    }

    /// <summary>The process's number.</summary>
    /// <exception cref="ToolException">There is none of that name, or more than one.</exception>
    public int Resolve(ParseResult parsed)
    {
        if (parsed.GetValue(_processId) is { } processId)
        {
            return processId > 0 ? processId : throw new ToolException(ExitCode.Usage, $"{processId} is not a number of a process");
        }

        string name = parsed.GetValue(_name)!;
        DotnetProcess[] found = [.. DotnetProcess.List().Where(process
            => process.Name == name || Path.GetFileName(process.CommandLine.Split(' ')[0]) == name)];
        return found switch
        {
            [DotnetProcess one] => one.Id,
            [] => throw new ToolException($"there is no .NET process named {name} (dotnet nativeleak ps lists them)"),
            _ => throw new ToolException(ExitCode.Usage, $"{found.Length} processes are named {name}: "
                + string.Join(", ", found.Select(static process => process.Id)) + "; --process-id tells which"),
        };
    }
}
