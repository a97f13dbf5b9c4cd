// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the page is taken once and never given back; no more ranges are written than fit.
using NativeLeak.Interop;

namespace NativeLeak.Roots;

/// <summary>Where the native code of the runtime and of the C library lies: frames of theirs hold the application's
/// pointers in saved registers only (<see cref="FrailRoots"/>).</summary>
internal static unsafe class RuntimeCode
{
    private static readonly string[] s_modules =
    [
        "libcoreclr.so", "libclrjit.so", "libclrgc.so", "libhostpolicy.so", "libhostfxr.so", "libSystem.Native.so", "libc.so.6",
        "libpthread.so.0", "ld-linux-x86-64.so.2",
    ];

    /// <summary>The ranges, in a page of ours; none when the list of mappings or the page cannot be had: then no frame is
    /// taken for the runtime's, which only makes evidence look stronger.</summary>
    public static MemoryRange* Find(out int count)
    {
        count = 0;
        MemoryRange* ranges = (MemoryRange*)Platform.Pages.AllocatePrivate(Platform.Pages.PageByteCount);
        if (ranges == null)
        {
            return null;
        }

        int capacity = (int)Platform.Pages.PageByteCount / sizeof(MemoryRange);
        try
        {
            foreach ((MemoryRange range, string access, string path) in ProcessMaps.Read())
            {
                bool isRuntime = path.Length > 0 && (path == Environment.ProcessPath || s_modules.Contains(Path.GetFileName(path)));
                if (isRuntime && count < capacity && access.Contains('x', StringComparison.Ordinal))
                {
                    ranges[count++] = range;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // As said above: without the list no frame is the runtime's.
        }

        return ranges;
    }
}
