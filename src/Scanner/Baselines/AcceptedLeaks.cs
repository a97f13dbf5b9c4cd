// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Baselines;

/// <summary>A baseline: leaks that are accepted, how much each site may leak.</summary>
/// <param name="Source">The file, for messages.</param>
/// <param name="Sites">Blocks of a site, of all kinds of leaks together, by its fingerprint. A leak may be definite in one run and
/// hang from another block, or be possible, in the next.</param>
internal sealed record AcceptedLeaks(string Source, IReadOnlyDictionary<string, BlockTotal> Sites);
