// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Processes;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Verbs;

/// <summary>Prints the variables that switch the detector on.</summary>
internal sealed class EnvVerb : Verb
{
    private readonly Option<string> _shell = new("--shell") { Description = "For what.", DefaultValueFactory = static _ => "bash" };
    private readonly Option<string> _level = new("--level", "-l") { Description = "How much is recorded.", DefaultValueFactory = static _ => "on" };

    /// <inheritdoc/>
    public override string Name => "env";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["env", "env --shell docker --level sample", "env --shell launchsettings"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Prints what switches the detector on in a shell (to be evaluated), an image, a deployment or a launch profile (to be pasted).");
        _shell.AcceptOnlyFromAmong([.. InjectionVariables.Shells]);
        _level.AcceptOnlyFromAmong("count", "sample", "on", "paranoid");
        command.Add(_shell);
        command.Add(_level);
        command.SetAction(parsed =>
        {
            Result.Write(InjectionVariables.Write(parsed.GetValue(_shell)!, InjectFolder.Hook, parsed.GetValue(_level)!), null);
            return ExitCode.Success;
        });
        return command;
    }
}
