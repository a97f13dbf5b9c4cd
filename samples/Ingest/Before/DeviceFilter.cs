// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace Ingest.Before;

/// <summary>Matches device names by SQLite's own GLOB, so that a filter means here what it means in a query.</summary>
internal sealed class DeviceFilter(string pattern) : IDeviceFilter
{
    private readonly nint _pattern = Marshal.StringToCoTaskMemUTF8(pattern);

    public bool Matches(string device)
        => NativeSqlite.sqlite3_strglob(_pattern, Marshal.StringToCoTaskMemUTF8(device)) == 0;

    public void Dispose() => Marshal.FreeCoTaskMem(_pattern);
}
