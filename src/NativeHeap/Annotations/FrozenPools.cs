// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>What the table of pool ranges begins with; ranges follow from the next 64 bytes on.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PoolHeader
{
    /// <summary>Ranges that may be in use.</summary>
    public long Count;

    /// <summary>Ranges there is room for.</summary>
    public long Capacity;
}

/// <summary>The pool ranges as the frozen world finds them: by one cell that never moves. All zero = no pools.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FrozenPools
{
    /// <summary>Holds the table in force; null when there never was one.</summary>
    public PoolHeader** Cell;
}
