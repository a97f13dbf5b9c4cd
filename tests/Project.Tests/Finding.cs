// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Project.Tests;

/// <summary>A line that breaks a rule.</summary>
internal sealed record Finding(string Path, int Line, string Text)
{
    public override string ToString() => $"{Path}:{Line}: {Text.Trim()}";
}
