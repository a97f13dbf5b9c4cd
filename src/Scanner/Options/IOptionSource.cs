// Licensed under the MIT License. See LICENSE in the repository root.

namespace NativeLeak.Options;

/// <summary>
/// Contract: the environment and the runtime's configuration, as text.
/// Post: never throws; what is not set is null or absent.
/// </summary>
internal interface IOptionSource
{
    /// <summary>A variable of the environment; null when it is not set.</summary>
    string? GetVariable(string name);

    /// <summary>All names of variables that start with <paramref name="prefix"/>.</summary>
    IEnumerable<string> GetVariableNames(string prefix);

    /// <summary>A property of runtimeconfig.json; null when it is not set.</summary>
    string? GetProperty(string name);
}

/// <summary>The source that this process really has.</summary>
internal sealed class ProcessOptionSource : IOptionSource
{
    // Where the startup hook leaves what the tool said that attached to this process; it wins over the environment.
    private const string AttachedLevel = "NativeLeak.Attach.Level", AttachedOptions = "NativeLeak.Attach.Options";

    /// <inheritdoc/>
    public string? GetVariable(string name) => name switch
    {
        OptionTable.LevelVariable => AppContext.GetData(AttachedLevel) as string,
        OptionTable.OptionsVariable => AppContext.GetData(AttachedOptions) as string,
        _ => null,
    }
        ?? Environment.GetEnvironmentVariable(name);

    /// <inheritdoc/>
    public IEnumerable<string> GetVariableNames(string prefix)
    {
        List<string> names = [];
        foreach (object key in Environment.GetEnvironmentVariables().Keys)
        {
            if (key is string name && name.StartsWith(prefix, StringComparison.Ordinal))
            {
                names.Add(name);
            }
        }

        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <inheritdoc/>
    public string? GetProperty(string name) => AppContext.GetData(name)?.ToString();
}
