// Licensed under the MIT License. See LICENSE in the repository root.
namespace LeakCases;

/// <summary>
/// What a case plants under one name, and what the report at exit must say about it. A planted block is recognised in the
/// report by its size, which is odd and used by nothing else in the process.
/// </summary>
/// <param name="Name">The block's name in the case.</param>
/// <param name="Count">How many blocks of that name are planted; null when that depends on timing.</param>
/// <param name="Definite">How many of them must be definite leaks.</param>
/// <param name="Indirect">How many must be indirect leaks.</param>
/// <param name="Possible">How many must be possible leaks; the others must not be listed at all.</param>
/// <param name="References">How many blocks must hang from its definite leaks; null when that is not asked.</param>
internal sealed record ExpectedBlock(
    string Name, int? Count, int Definite, int Indirect, int Possible, int? References = null)
{
    /// <summary>Bytes of each block; set by the case's constructor unless it is given.</summary>
    public int Size { get; init; }

    /// <summary>
    /// Of many lost blocks, how many may be called possible: each has two thousand addresses inside it, and somewhere a
    /// word of old data may happen to be one of them.
    /// </summary>
    public int Tolerance { get; init; } = (Count ?? 0) / 50;

    /// <summary>
    /// How many may have another lost kind than declared: one stray word into a long chain makes possible all that follows.
    /// </summary>
    public int KindTolerance => Count >= 100_000 ? Count.Value : Tolerance;

    /// <summary>How many of them the report must count as ignored.</summary>
    public int Ignored { get; init; }

    /// <summary>How many of them are no blocks any more.</summary>
    public int Gone { get; init; }

    /// <summary>The API the report must name for it; null when that is not asked.</summary>
    public string? Allocator { get; init; }

    public static ExpectedBlock Live(string name, int count = 1) => new(name, count, 0, 0, 0);

    /// <summary>Lost blocks that a hint keeps out of the list.</summary>
    public static ExpectedBlock Hidden(string name, int count = 1) => Live(name, count) with { Ignored = count };

    /// <summary>Blocks that the detector was told to forget.</summary>
    public static ExpectedBlock Forgotten(string name, int count = 1) => Live(name, count) with { Gone = count };

    public static ExpectedBlock Lost(string name, int count = 1, int? references = null)
        => new(name, count, count, 0, 0, references);

    public static ExpectedBlock Indirectly(string name, int count = 1) => new(name, count, 0, count, 0);

    public static ExpectedBlock Possibly(string name, int count = 1) => new(name, count, 0, 0, count);

    /// <summary>A lost group whose leader may be any of its members.</summary>
    public static ExpectedBlock Group(string name, int count)
        => new(name, count, 1, count - 1, 0, References: count - 1);

    /// <summary>Blocks that come and go, as many as there happen to be; none may be listed.</summary>
    public static ExpectedBlock NeverListed(string name) => new(name, null, 0, 0, 0);

    /// <summary>Whether the report must list any of them.</summary>
    public bool IsListed => Definite + Indirect + Possible > 0;
}
