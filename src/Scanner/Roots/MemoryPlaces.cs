// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;

namespace NativeLeak.Roots;

/// <summary>Says in words where an address lies: what a reader can do something with. One per report.</summary>
internal sealed class MemoryPlaces
{
    private IReadOnlyList<(MemoryRange Range, string Access, string Path)>? _mappings;

    /// <summary>
    /// Names the place of <paramref name="address"/>, as the process was mapped when it was first asked. Cold; never throws.
    /// </summary>
    public string Describe(nuint address)
    {
        ManagedHeapLayout managed = ManagedHeapLayouts.Find(out _);
        if (address >= managed.HeapStart && address < managed.HeapEnd)
        {
            return "in the managed heap";
        }

        try
        {
            _mappings ??= ProcessMaps.Read();
            (MemoryRange range, string access, string path) = _mappings.FirstOrDefault(m => m.Range.Contains(address));
            return path switch
            {
                _ when range.ByteCount == 0 => "in memory that is gone by now",
                "[heap]" => "in the C heap",
                "[stack]" => "on the main thread's stack",
                "" when (range.Start & ((64 << 20) - 1)) == 0 => "in the C heap (a thread's arena)",
                "" => string.Create(System.Globalization.CultureInfo.InvariantCulture,
                    $"in anonymous memory 0x{range.Start:x}-0x{range.End:x}"),
                _ when path.Contains("doublemapper", StringComparison.Ordinal) =>
                    "in the runtime's own memory (static fields without references live there)",
                _ => "in " + (access.StartsWith("rw", StringComparison.Ordinal) ? "data of " : string.Empty) + Path.GetFileName(path),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "in memory that cannot be named";
        }
    }
}
