// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Whether what one line allocates may be freed by another.</summary>
internal enum PairVerdict
{
    /// <summary>Not decided: the names of both calls are needed, and only a report looks them up.</summary>
    Open,

    /// <summary>The families match, or one of them cannot be told.</summary>
    Match,

    /// <summary>The families differ.</summary>
    Mismatch,
}

/// <summary>An allocation site and a place that frees its blocks. 40 bytes, in native pages.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FreePair
{
    /// <summary>Address of the first block seen.</summary>
    public nuint Address;

    /// <summary>Its size.</summary>
    public nuint ByteCount;

    /// <summary>Where it was allocated.</summary>
    public uint Site;

    /// <summary>Where it was freed.</summary>
    public uint FreeSite;

    /// <summary>How often the pair was seen; not counted on once it is in the cache of known pairs.</summary>
    public int Count;

    /// <summary>The API that allocated.</summary>
    public AllocationApi Api;

    /// <summary>The API that freed.</summary>
    public FreeingApi FreeApi;

    /// <summary>Whether only the innermost frames of <see cref="FreeSite"/> are this free's for certain.</summary>
    public bool IsShort;

    /// <summary>A <see cref="PairVerdict"/>.</summary>
    public int Verdict;
}
