// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Questions;

/// <summary>The answer to a question about an address, with names. Text only: it keeps nothing alive.</summary>
internal sealed record LeakAnswer
{
    /// <summary>The command: <c>who</c>, <c>dump</c> or <c>path</c>; the word that was no command otherwise.</summary>
    public required string Command { get; init; }

    /// <summary>Why there is no answer; null when there is one.</summary>
    public string? Error { get; init; }

    /// <summary>Whether no gap of the scan can have hidden a pointer.</summary>
    public bool IsConclusive { get; init; }

    /// <summary>The block of the address; null when it lies in none that is recorded.</summary>
    public AnsweredBlock? Block { get; init; }

    /// <summary>Who points at the block (who).</summary>
    public IReadOnlyList<AnsweredPointer> Pointers { get; init; } = [];

    /// <summary>How many pointers there are; <see cref="Pointers"/> lists the first.</summary>
    public long PointerCount { get; init; }

    /// <summary>From the block's own holder to the root (path).</summary>
    public IReadOnlyList<LeakHolder> Path { get; init; } = [];

    /// <summary>Whether the last place of the path is a root; else the path was too long, or could not be followed.</summary>
    public bool EndsAtRoot { get; init; }

    /// <summary>The first bytes (dump), two digits a byte.</summary>
    public string Hex { get; init; } = string.Empty;

    /// <summary>The answer in words, ending with a line feed.</summary>
    public required string Text { get; init; }
}
