// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>How a site that leaks stands to the baseline (option <c>baseline</c>).</summary>
public enum BaselineState
{
    /// <summary>The baseline does not have the site.</summary>
    New,

    /// <summary>The site leaks more blocks than the baseline has; or as many, with more bytes.</summary>
    Grown,

    /// <summary>The site leaks no more than the baseline has.</summary>
    Known,
}
