// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: addresses are only numbers here; nothing is given to the C heap.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;

namespace NativeLeak.NativeHeap.Tests.Misuse;

/// <summary>What a free does to the records, without the C heap's part.</summary>
internal static unsafe class Frees
{
    /// <summary>Through the gate and out again; the size of the block, or the largest number when it had no record.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nuint Take(nuint address)
    {
        AllocationCall call = StackWalker.Caller();
        FreeTicket ticket = default;
        FreeGate.Enter(address, FreeingApi.Unknown, in call, ref ticket);
        FreeGate.Leave(in ticket);
        return ticket.ByteCount;
    }

    /// <summary>A reallocation begins.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static HeldRealloc Begin(nuint address)
    {
        AllocationCall call = StackWalker.Caller();
        return HeldRealloc.Begin((void*)address, FreeingApi.Unknown, in call);
    }

    /// <summary>A reallocation ends with what the C heap answered.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void End(in HeldRealloc held, nuint address, nuint newAddress, nuint byteCount)
    {
        AllocationCall call = StackWalker.Caller();
        held.End((void*)address, (void*)newAddress, byteCount, NativeHeap.Records.AllocationApi.NativeMemoryRealloc, in call);
    }
}
