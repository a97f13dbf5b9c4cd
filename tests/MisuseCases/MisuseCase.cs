// Licensed under the MIT License. See LICENSE in the repository root.
namespace MisuseCases;

/// <summary>A mistake, and what the report must say of it.</summary>
/// <param name="Kind">As the report writes it.</param>
/// <param name="Allocator">The API that allocated; null: not asked.</param>
/// <param name="FreedWith">The API that freed; null: not asked.</param>
/// <param name="Count">How often.</param>
internal sealed record ExpectedMisuse(string Kind, string? Allocator, string? FreedWith, int Count = 1)
{
    /// <summary>A method that the allocation stack names; null: not asked.</summary>
    public string? AllocatedIn { get; init; }

    /// <summary>A method that the stack of this free names.</summary>
    public string? FreedIn { get; init; }

    /// <summary>A method that the stack of the first free names.</summary>
    public string? FirstFreedIn { get; init; }

    /// <summary>Words of the explanation.</summary>
    public string? Says { get; init; }
}

/// <summary>A program that makes mistakes, or a twin that makes none.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Run">What it does.</param>
/// <param name="Expected">What must be reported; nothing for a twin.</param>
internal sealed record MisuseCase(string Name, Action Run, params ExpectedMisuse[] Expected)
{
    /// <summary>Options of the detector.</summary>
    public string Options { get; init; } = "";
}
