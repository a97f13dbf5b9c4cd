// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Build;

/// <summary>One thing the build program can do.</summary>
/// <param name="Name">The word on the command line.</param>
/// <param name="Usage">What may follow the word, as the help shows it.</param>
/// <param name="Summary">One line for the help.</param>
/// <param name="RunAsync">Does it; gets the words after the verb, returns the exit code.</param>
internal sealed record Verb(
    string Name,
    string Usage,
    string Summary,
    Func<IReadOnlyList<string>, Task<int>> RunAsync);
