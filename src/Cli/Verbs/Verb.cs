// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;

namespace NativeLeak.Cli.Verbs;

/// <summary>One thing the tool can do.</summary>
internal abstract class Verb
{
    /// <summary>The word on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>What follows <c>dotnet nativeleak</c> in examples of the help.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>The line about exit codes in the help.</summary>
    public virtual string ExitCodes => "Exit codes: 0 well; 2 wrong usage; 125 the tool failed.";

    /// <summary>Options, arguments and the action.</summary>
    public abstract Command CreateCommand();
}
