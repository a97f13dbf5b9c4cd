// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Learns how this C heap marks its free chunks, by asking it.</summary>
internal static unsafe class FreeChunkKey
{
    private const nuint MinimumKey = 1 << 16;
    private const int MaximumAttempts = 8;

    /// <summary>
    /// The word glibc (2.34 and later: a random number per process) writes into chunks that wait in a thread's cache, or 0
    /// when the heap does not behave like glibc's in any respect that the scanner's FreeChunks and HeapChunk relies on.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    public static nuint Find()
    {
        // The first calls are bound by the runtime, which allocates on this very thread: it may take the chunk before it is
        // looked at. What answers twice alike was left alone.
        for (int attempt = 0; attempt < MaximumAttempts; attempt++)
        {
            nuint first = Probe(40), second = Probe(88);
            if (first == second && first >= MinimumKey)
            {
                return first;
            }
        }

        return 0;
    }

    // Reads a chunk right after freeing it: it waits in this thread's own cache, where no other thread can take it from.
    private static nuint Probe(nuint byteCount)
    {
        nuint block = (nuint)CHeap.Malloc(byteCount);
        if (block == 0)
        {
            return 0;
        }

        nuint expected = (byteCount + 8 + 15) & ~(nuint)15;
        nuint header = *(nuint*)(block - 8) & ~(nuint)7;
        *(nuint*)(block + 8) = 0;
        CHeap.Free((void*)block);

        // Safety: the chunk is free but mapped: nothing this small is ever given back to the system at once.
        // Order: none; volatile so that the value is really read after the free.
        nuint key = Volatile.Read(ref *(nuint*)(block + 8));
        return header == expected ? key : 0;
    }
}
