// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>How a scan reads the process (option <c>scan</c>).</summary>
public enum ScanMode
{
    /// <summary>By snapshot; where the system refuses the copy, while the process runs. The report says which.</summary>
    Auto = 0,

    /// <summary>From a copy of the process: it stands still for milliseconds.</summary>
    Snapshot = 1,

    /// <summary>While the process runs, a few threads held at a time; all of them once more, bounded, before anything is
    /// reported. Needs no copy and no memory for one; takes longer.</summary>
    Concurrent = 2,
}
