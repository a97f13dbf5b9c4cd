// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>A report beside its baseline.</summary>
/// <param name="Source">The file of the baseline.</param>
/// <param name="New">Sites that the baseline does not have.</param>
/// <param name="Grown">Sites that leak more than it has.</param>
/// <param name="Known">Sites that leak no more.</param>
/// <param name="Gone">Sites of the baseline without a leak now. None in the report of a check, which is about a part.</param>
public sealed record BaselineSummary(string Source, BaselineTotal New, BaselineTotal Grown, BaselineTotal Known, BaselineTotal Gone);
