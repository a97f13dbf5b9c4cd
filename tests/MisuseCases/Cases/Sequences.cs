// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak;

namespace MisuseCases.Cases;

/// <summary>Random legal sequences over all families and both APIs, blocks handed from thread to thread.</summary>
internal static unsafe partial class Sequences
{
    private const int SlotCount = 256;

    private static readonly (nint Block, int Family)[] s_slots = new (nint, int)[SlotCount];

    /// <summary>Runs a seed on some threads.</summary>
    public static void Run(int seed, int threadCount, int steps)
    {
        Thread[] threads = new Thread[threadCount];
        for (int i = 0; i < threadCount; i++)
        {
            int own = seed + (i * 7919);
            threads[i] = new Thread(() => RunOne(new Random(own), steps));
            threads[i].Start();
        }

        Array.ForEach(threads, static thread => thread.Join());
        foreach ((nint block, int family) in s_slots)
        {
            Free(block, family, isTracked: false);
        }
    }

    private static void RunOne(Random random, int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            int at = random.Next(SlotCount);
            bool isTracked = random.Next(2) == 0;
            (nint block, int family) = Take(at);
            if (block == 0)
            {
                family = random.Next(6);
                block = Allocate(random.Next(1, 40) * random.Next(1, 60), family, isTracked);
            }
            else if (random.Next(4) == 0)
            {
                block = Reallocate(block, random.Next(1, 3000), family, isTracked);
            }
            else
            {
                Free(block, family, isTracked);
                (block, family) = (0, 0);
            }

            Put(at, block, family);
        }
    }

    private static (nint Block, int Family) Take(int at)
    {
        lock (s_slots)
        {
            (nint, int) taken = s_slots[at];
            s_slots[at] = default;
            return taken;
        }
    }

    private static void Put(int at, nint block, int family)
    {
        (nint Block, int Family) displaced;
        lock (s_slots)
        {
            displaced = s_slots[at];
            s_slots[at] = (block, family);
        }

        Free(displaced.Block, displaced.Family, isTracked: true);
    }

    private static nint Allocate(int size, int family, bool isTracked) => family switch
    {
        0 => isTracked ? TrackedMarshal.AllocHGlobal(size) : Marshal.AllocHGlobal(size),
        1 => isTracked ? TrackedMarshal.AllocCoTaskMem(size) : Marshal.AllocCoTaskMem(size),
        2 => (nint)(isTracked ? TrackedMemory.Alloc((nuint)size) : NativeMemory.AllocZeroed((nuint)size)),
        3 => (nint)(isTracked ? TrackedMemory.AlignedAlloc((nuint)size, 32) : NativeMemory.AlignedAlloc((nuint)size, 64)),
        4 => isTracked ? TrackedMarshal.StringToBSTR(new string('b', size)) : Marshal.StringToBSTR(new string('b', size)),
        _ => malloc((nuint)size),
    };

    private static nint Reallocate(nint block, int size, int family, bool isTracked)
    {
        switch (family)
        {
            case 0: return isTracked ? TrackedMarshal.ReAllocHGlobal(block, size) : Marshal.ReAllocHGlobal(block, size);
            case 1: return isTracked ? TrackedMarshal.ReAllocCoTaskMem(block, size) : Marshal.ReAllocCoTaskMem(block, size);
            case 3:
                return (nint)(isTracked
                    ? TrackedMemory.AlignedRealloc((void*)block, (nuint)size, 64)
                    : NativeMemory.AlignedRealloc((void*)block, (nuint)size, 32));
            case 4:
                Free(block, family, isTracked);
                return Allocate(size, family, !isTracked);
            default:
                return (nint)(isTracked
                    ? TrackedMemory.Realloc((void*)block, (nuint)size)
                    : NativeMemory.Realloc((void*)block, (nuint)size));
        }
    }

    private static void Free(nint block, int family, bool isTracked)
    {
        switch (family)
        {
            case 0 when isTracked: TrackedMarshal.FreeHGlobal(block); break;
            case 0: Marshal.FreeHGlobal(block); break;
            case 1 when isTracked: TrackedMarshal.FreeCoTaskMem(block); break;
            case 1: Marshal.FreeCoTaskMem(block); break;
            case 3 when isTracked: TrackedMemory.AlignedFree((void*)block); break;
            case 3: NativeMemory.AlignedFree((void*)block); break;
            case 4 when isTracked: TrackedMarshal.FreeBSTR(block); break;
            case 4: Marshal.FreeBSTR(block); break;
            default: NativeMemory.Free((void*)block); break;
        }
    }

    [LibraryImport("libc")]
    private static partial nint malloc(nuint byteCount);
}
