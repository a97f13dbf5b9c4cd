// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Roots;

/// <summary>Finds the writable data of the C library that provides malloc.</summary>
internal static class AllocatorState
{
    /// <summary>Its range, empty when it cannot be told. Cold: reads /proc/self/maps.</summary>
    public static MemoryRange Find()
    {
        // The file that holds malloc's code, then that file's writable part.
        string? file = null;
        IReadOnlyList<(MemoryRange Range, string Access, string Path)> mappings = ProcessMaps.Read();
        foreach ((MemoryRange range, string access, string path) in mappings)
        {
            file = range.Contains((nuint)CHeap.MallocAddress) && access.Contains('x', StringComparison.Ordinal) ? path : file;
        }

        if (string.IsNullOrEmpty(file))
        {
            return default;
        }

        foreach ((MemoryRange range, string access, string path) in mappings)
        {
            if (path == file && access.StartsWith("rw", StringComparison.Ordinal))
            {
                return range;
            }
        }

        return default;
    }
}
