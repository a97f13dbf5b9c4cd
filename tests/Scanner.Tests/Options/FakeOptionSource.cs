// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

/// <summary>An environment and a runtimeconfig made up for a test.</summary>
internal sealed class FakeOptionSource : IOptionSource
{
    public Dictionary<string, string> Variables { get; } = [];

    public Dictionary<string, string> Properties { get; } = [];

    public string? GetVariable(string name) => Variables.GetValueOrDefault(name);

    public IEnumerable<string> GetVariableNames(string prefix)
        => Variables.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public string? GetProperty(string name) => Properties.GetValueOrDefault(name);

    public OptionSet Read(bool isStartedByVariable = false) => OptionReader.Read(this, isStartedByVariable);
}
