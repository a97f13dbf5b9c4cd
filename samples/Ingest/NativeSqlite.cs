// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace Ingest;

/// <summary>The one function of SQLite that its .NET wrapper does not offer.</summary>
internal static partial class NativeSqlite
{
    /// <summary>Unix file name matching; both arguments are UTF-8 with a terminating zero. 0 means a match.</summary>
    [LibraryImport("e_sqlite3")]
    public static partial int sqlite3_strglob(nint pattern, nint text);
}
