// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Blocks of one line of code that are still allocated (level count). Whether they are in use is not
/// known.</summary>
public sealed record AllocatedGroup
{
    /// <summary>16 hexadecimal digits that name the allocation site, as in <see cref="LeakGroup.Fingerprint"/>.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>The API that was called.</summary>
    public required string Allocator { get; init; }

    /// <summary>The blocks and their bytes.</summary>
    public required BlockTotal Total { get; init; }

    /// <summary>The calling frames, innermost first, as far as the first that is not .NET's.</summary>
    public required IReadOnlyList<LeakFrame> Stack { get; init; }
}
