// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>The word in NATIVELEAK: how much is recorded.</summary>
internal enum DetectorLevel
{
    /// <summary>Nothing happens.</summary>
    Off,

    /// <summary>Every block, with its call stack.</summary>
    On,
}
