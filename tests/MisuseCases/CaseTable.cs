// Licensed under the MIT License. See LICENSE in the repository root.
using MisuseCases.Cases;

namespace MisuseCases;

/// <summary>All cases.</summary>
internal static class CaseTable
{
    public static IReadOnlyList<MisuseCase> All { get; } =
        [.. DoubleFrees.All, .. InvalidFrees.All, .. MismatchedFrees.All, .. WritesAfterFree.All, .. Legal.All];

    public static MisuseCase? Find(string name) => All.FirstOrDefault(known => known.Name == name);
}
