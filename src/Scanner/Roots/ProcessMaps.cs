// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Interop;

namespace NativeLeak.Roots;

/// <summary>The mappings of this process with their names, for cold paths in ordinary managed code.</summary>
internal static class ProcessMaps
{
    /// <summary>Reads /proc/self/maps, once. Lines that cannot be read are left out.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static IReadOnlyList<(MemoryRange Range, string Access, string Path)> Read()
    {
        List<(MemoryRange Range, string Access, string Path)> mappings = [];
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            // start-end access offset device inode   path
            string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            string[] bounds = fields[0].Split('-');
            if (fields.Length >= 5 && ulong.TryParse(bounds[0], NumberStyles.HexNumber, null, out ulong start)
                && ulong.TryParse(bounds[^1], NumberStyles.HexNumber, null, out ulong end))
            {
                mappings.Add((new MemoryRange((nuint)start, (nuint)end), fields[1], fields.Length == 6 ? fields[5].Trim() : string.Empty));
            }
        }

        return mappings;
    }
}
