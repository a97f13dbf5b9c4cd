// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>The sites of one state.</summary>
/// <param name="Sites">Sites.</param>
/// <param name="DefiniteSites">Those of them with a definite leak, which alone decide about exit codes.</param>
/// <param name="Total">Their blocks, of all kinds of leaks; of sites that are gone, the baseline's.</param>
public readonly record struct BaselineTotal(long Sites, long DefiniteSites, BlockTotal Total);
