// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace Ingest.After;

/// <summary>Matches device names by SQLite's own GLOB, so that a filter means here what it means in a query.</summary>
internal sealed class DeviceFilter(string pattern) : IDeviceFilter
{
    private readonly nint _pattern = Marshal.StringToCoTaskMemUTF8(pattern);

    public bool Matches(string device)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(device);
        try
        {
            return NativeSqlite.sqlite3_strglob(_pattern, text) == 0;
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    public void Dispose() => Marshal.FreeCoTaskMem(_pattern);
}
