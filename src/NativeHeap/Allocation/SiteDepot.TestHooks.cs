// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Allocation;

internal static partial class SiteDepot
{
    /// <summary>
    /// Stands in for the real stack trace of a new site (may throw, as that may). Null outside tests.
    /// </summary>
    internal static Func<SiteStack?>? TestHookCapture { get; set; }

    /// <summary>Lowers the bound on distinct stacks (or raises it again): as if this many were the most.</summary>
    internal static void TestHookLimit(int limit) => s_limit = Math.Min(limit, MaximumSiteCount);

    /// <summary>Takes <see cref="StopNaming"/> back, which nothing but a test may do.</summary>
    internal static void TestHookResumeNaming() => s_isNamingStopped = false;
}
