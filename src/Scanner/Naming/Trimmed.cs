// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Naming;

/// <summary>Why looking at other people's code and types is right in a trimmed program too.</summary>
internal static class Trimmed
{
    /// <summary>For code that finds names.</summary>
    public const string Names = "What trimming took away costs a report a name, no more.";

    /// <summary>For code that finds where references are.</summary>
    public const string Fields = "A field that trimming took away is no longer in memory either.";
}
