// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>The recorder's account of its own memory: one limited page source for the process.</summary>
internal static class RecorderPages
{
    private static readonly Lazy<LimitedPageSource> s_source = new(
        static () => new LimitedPageSource(Platform.Pages, static () => (long)SiteDepot.MetadataByteCount));

    /// <summary>Where the record table's memory comes from.</summary>
    /// <exception cref="PlatformNotSupportedException">Not Linux x64.</exception>
    public static LimitedPageSource Source => s_source.Value;

    /// <summary>Bytes of records, index and distinct call stacks; 0 before the recorder was started.</summary>
    public static long UsedByteCount => s_source.IsValueCreated ? s_source.Value.UsedByteCount : 0;
}
