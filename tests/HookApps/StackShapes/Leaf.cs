// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak;
using NativeLeak.NativeHeap.Allocation;

namespace StackShapes;

/// <summary>Where every shape ends: a block is allocated, and on the same line the truth about its stack is taken.</summary>
internal static unsafe class Leaf
{
    private const int ApiCount = 10;

    private static int s_turn;

    /// <summary>Allocates, checks, frees. Takes the truth anew.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Allocate() => Allocate(0) + 1;

    /// <summary>As the other; the same <paramref name="path"/> means the same methods and lines above, and asks once.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Allocate(ulong path)
    {
        AllocationCall call = StackWalker.Caller();
        int api = Interlocked.Increment(ref s_turn) % ApiCount;
        ulong key = path == 0 ? 0 : (path * ApiCount) + (uint)api;
        StackTrace? truth;
        nint block;
        nuint size = 16 + (nuint)(uint)api;
        // No two calls alike: the compiler makes one of those, and its line is one of the two.
        switch (api)
        {
            case 0: block = Marshal.AllocHGlobal((nint)size); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 1: block = (nint)NativeMemory.Alloc(size + 8); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 2: block = Marshal.StringToHGlobalUni("some text"); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 3: block = (nint)NativeMemory.AllocZeroed(3, size); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 4: block = (nint)NativeMemory.Realloc(null, size); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 5: block = (nint)NativeMemory.AlignedAlloc(64, 64); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 6: block = Marshal.StringToCoTaskMemUTF8("some text"); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 7: block = (nint)TrackedMemory.Alloc(size); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            case 8: block = TrackedMarshal.StringToHGlobalAnsi("some text"); truth = Ask(key, block) ? new StackTrace(true) : null; break;
            default: block = Marshal.StringToBSTR("some text"); truth = Ask(key, block - 8) ? new StackTrace(true) : null; break;
        }

        Oracle.Check(key, truth, api == ApiCount - 1 ? block - 8 : block, in call);
        Free(api, block);
        return block & 1;
    }

    private static bool Ask(ulong key, nint block) => Oracle.MustAsk(key, block);

    private static void Free(int api, nint block)
    {
        switch (api)
        {
            case 5: NativeMemory.AlignedFree((void*)block); break;
            case 6: Marshal.FreeCoTaskMem(block); break;
            case 0 or 2: Marshal.FreeHGlobal(block); break;
            case 7: TrackedMemory.Free((void*)block); break;
            case 8: TrackedMarshal.FreeHGlobal(block); break;
            case ApiCount - 1: Marshal.FreeBSTR(block); break;
            default: NativeMemory.Free((void*)block); break;
        }
    }
}
