// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Linux.Patching;

/// <content>For tests of what is done where no page near the module is free.</content>
internal sealed unsafe partial class StubPage
{
    /// <summary>Makes the next pages lie far from their module.</summary>
    internal static bool TestHookIsFar { get; set; }
}
