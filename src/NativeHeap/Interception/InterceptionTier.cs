// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Interception;

/// <summary>How much of the process's managed allocation is seen. Every report names it.</summary>
internal enum InterceptionTier
{
    /// <summary>Nothing was tried yet.</summary>
    None = 0,

    /// <summary>The runtime's seven exports (or their copies in a single-file executable) lead to us: every managed API.</summary>
    Exports,

    /// <summary>The runtime library's import slots lead to us: every managed API; Free and AlignedFree look alike.</summary>
    GlobalOffsetTable,

    /// <summary>No hook: only blocks from TrackedMemory and TrackedMarshal are seen.</summary>
    ExplicitApiOnly,
}
