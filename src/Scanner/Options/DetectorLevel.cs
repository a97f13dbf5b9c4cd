// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>How much is recorded: the word in the variable NATIVELEAK.</summary>
public enum DetectorLevel
{
    /// <summary>Nothing happens.</summary>
    Off,

    /// <summary>Blocks and bytes per calling method, no verdicts: what is still allocated, and from where.</summary>
    Count,

    /// <summary>A sample of the blocks, drawn by bytes, with call stacks and verdicts; reports estimate the whole.</summary>
    Sample,

    /// <summary>Every block, with its call stack.</summary>
    On,

    /// <summary>As <see cref="On"/>, with deep call stacks and all checks that are known.</summary>
    Paranoid,
}
