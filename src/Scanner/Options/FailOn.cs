// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What an exit report must contain to change an exit code of 0 (option <c>fail_on</c>).</summary>
public enum FailOn
{
    /// <summary>Nothing: the exit code is never touched. The default when the environment started the
    /// detector.</summary>
    None,

    /// <summary>A definite leak. The default when code started the detector.</summary>
    Definite,

    /// <summary>A definite or a possible leak.</summary>
    Possible,

    /// <summary>Any block that is still allocated, reachable or not.</summary>
    Reachable,

    /// <summary>A definite leak at a site that the baseline does not have; without a baseline, any definite leak.</summary>
    New,

    /// <summary>A definite leak at a site that the baseline does not have, or that leaks more than the baseline has.</summary>
    Growth,
}
