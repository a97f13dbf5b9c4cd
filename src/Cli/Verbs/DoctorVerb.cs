// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Assemblies;
using NativeLeak.Cli.Terminals;

namespace NativeLeak.Cli.Verbs;

/// <summary>Says what of an application the detector will see.</summary>
internal sealed class DoctorVerb : Verb
{
    private readonly Argument<string> _application = new("app.dll") { Description = "The application; the assemblies beside it are read too." };

    /// <inheritdoc/>
    public override string Name => "doctor";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples => ["doctor bin/Release/net10.0/app.dll"];

    /// <inheritdoc/>
    public override Command CreateCommand()
    {
        Command command = new(Name, "Reads an application without running it: which assemblies allocate unmanaged memory by which API and who sees that, "
            + "which native libraries are called, where debug information is missing.");
        command.Add(_application);
        command.SetAction(parsed =>
        {
            Result.Write(Diagnosis.Of(parsed.GetValue(_application)!).ToText(), null);
            return ExitCode.Success;
        });
        return command;
    }
}
