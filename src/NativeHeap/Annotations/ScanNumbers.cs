// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Annotations;

/// <summary>Numbers of scans, for hints that hold for one.</summary>
internal static class ScanNumbers
{
    private static long s_last;

    /// <summary>The number that the next scan will get.</summary>
    // Order: a hint beside the begin of a scan belongs to that scan or to the next: both are right.
    public static ulong Next => (ulong)Volatile.Read(ref s_last) + 1;

    /// <summary>Gives a scan its number, from 1. Called before its snapshot.</summary>
    // Order: as above.
    public static ulong Begin() => (ulong)Interlocked.Increment(ref s_last);
}
