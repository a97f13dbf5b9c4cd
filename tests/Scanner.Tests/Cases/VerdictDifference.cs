// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>A way in which a report differs from what its case declares.</summary>
/// <param name="Text">What differs.</param>
/// <param name="MayBeChance">
/// Whether one word of old data can be the cause: a lost block is listed, as it must be, but as possible, because somewhere
/// a word happens to be an address inside it. Where the system puts things differs from run to run, so chance does not last.
/// </param>
internal sealed record VerdictDifference(string Text, bool MayBeChance)
{
    /// <summary>Whether all that is wrong is that lost blocks are not listed.</summary>
    public bool IsMiss { get; init; }

    public override string ToString() => Text;
}
