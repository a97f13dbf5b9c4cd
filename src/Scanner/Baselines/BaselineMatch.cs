// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What the baseline has of the site of a group.</summary>
/// <param name="State">How the site stands to it. Groups of one site share the state, whatever their kinds and tags.</param>
/// <param name="Was">The site's blocks in the baseline; none when it is new.</param>
public sealed record BaselineMatch(BaselineState State, BlockTotal Was);
