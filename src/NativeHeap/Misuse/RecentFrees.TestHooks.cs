// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Misuse;

/// <summary>What tests look at.</summary>
internal static unsafe partial class RecentFrees
{
    /// <summary>Called by a free that has seen another one of the same address and waits for it.</summary>
    internal static Action? TestHookWaiting { get; set; }
}
