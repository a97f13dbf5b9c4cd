// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Linux;

/// <content>For tests of the fallback.</content>
internal static partial class PosixLibrary
{
    /// <summary>Pretends that the library is missing, or that it was never asked.</summary>
    internal static void TestHookSetMissing(bool missing) => s_missing = missing;
}
