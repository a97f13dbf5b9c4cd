// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using ThreadState = NativeLeak.NativeHeap.Allocation.ThreadState;

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>Numbers of checks, and which check is inside which. Thread-safe.</summary>
internal static class CheckScopes
{
    private static readonly Lock s_lock = new();

    // The outer check of each, by number − 1: four bytes a check, kept for ever.
    private static readonly List<uint> s_outer = [];

    /// <summary>Gives a new check its number, from 1. Its outer one is the calling thread's.</summary>
    public static uint Open()
    {
        lock (s_lock)
        {
            s_outer.Add(ThreadState.Check);
            return (uint)s_outer.Count;
        }
    }

    /// <summary>Whether a check is another or inside it.</summary>
    public static bool IsWithin(uint inner, uint outer)
    {
        lock (s_lock)
        {
            while (inner != 0 && inner != outer && inner <= s_outer.Count)
            {
                inner = s_outer[(int)inner - 1];
            }

            return inner == outer && outer != 0;
        }
    }

    /// <summary>Notes that the calling thread made a block in its check. Called inside an allocation: no GC memory.</summary>
    public static void Note(nuint address)
    {
        if (BlockHints.Table is not { } table)
        {
            return;
        }

        using EpochGuard guard = RecordTable.EnterGuard();
        if (RecordTable.TryFind(in guard, address, out RecordHandle found))
        {
            using RecordHandle block = found;
            BlockHints.TryAnnotate(table, in block, AnnotationKind.Check, ThreadState.Check, 0);
        }
    }
}
