// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>What the C heap remembers: freed contents, free lists, addresses handed out again.</summary>
internal static unsafe class CHeapState
{
    private const int HolderCount = 8;
    private const int NeighbourCount = 64;
    private const int GrownCount = 2000, GrownByteCount = 3000;
    private const int LargeSize = (1024 * 1024) + 1;

    private static readonly nint[] s_slots = new nint[2 * NeighbourCount];
    private static nint s_stale;

    public static IEnumerable<LeakCase> All =>
    [
        new("holder-freed", "holder-kept", [66], [Lost("A", HolderCount)], static plan => Hold(plan, free: true)),
        new("holder-kept", "holder-freed", [66], [Live("A", HolderCount)], static plan => Hold(plan, free: false)),
        // A heap that gave memory back keeps its mapping: what it holds free must be told from what is in use all the same.
        new("holder-freed-in-shrunk-heap", "holder-kept-in-shrunk-heap", [66], [Lost("A", HolderCount)],
            static plan => HoldInShrunkHeap(plan, free: true)),
        new("holder-kept-in-shrunk-heap", "holder-freed-in-shrunk-heap", [66], [Live("A", HolderCount)],
            static plan => HoldInShrunkHeap(plan, free: false)),
        new("address-reused-under-stale-pointer", "address-reused", [67], [Live("A")],
            static plan => Reuse(plan, keepStale: true)),
        new("address-reused", "address-reused-under-stale-pointer", [67], [Lost("A")],
            static plan => Reuse(plan, keepStale: false)),
        .. LeakCase.Pair("between-free-chunks", [69], static (plan, held) => FreeEverySecond(plan, held), NeighbourCount),
        // Such blocks have mappings of their own, where others may have been before: one of four may be called possible.
        new("large-lost", "large-held", [69], [Lost("A", 4) with { Size = LargeSize, Tolerance = 1 }],
            static plan => AllocMany(plan, 4)),
        new("large-held", "large-lost", [69], [Live("A", 4) with { Size = LargeSize }],
            static plan => AllocMany(plan, 4).CopyTo(s_slots, 0)),
    ];

    // Small holders stay in the heap's quick lists when they are freed, larger ones in its bins; contents survive in both.
    private static void Hold(Plan plan, bool free)
    {
        nint[] holders = new nint[HolderCount];
        for (int i = 0; i < HolderCount; i++)
        {
            int size = 200 << i;
            holders[i] = Marshal.AllocHGlobal(size);
            NativeMemory.Clear((void*)holders[i], (nuint)size);
            Words.Point(holders[i], 20, plan.Alloc("A"));
        }

        if (free)
        {
            Array.ForEach(holders, Marshal.FreeHGlobal);
        }
        else
        {
            holders.CopyTo(s_slots, 0);
        }
    }

    private static void HoldInShrunkHeap(Plan plan, bool free)
    {
        // First calls are bound by the runtime, which allocates: nothing of that may come to lie behind what is given back.
        Libc.free(Libc.calloc(1, 1));
        Hold(plan, free);
        nint* grown = stackalloc nint[GrownCount];
        for (int i = 0; i < GrownCount; i++)
        {
            grown[i] = Libc.calloc(1, GrownByteCount);
        }

        for (int i = 0; i < GrownCount; i++)
        {
            Libc.free(grown[i]);
        }

        // The first words of a thread's heap: bytes in use at 16, accessible ones at 24.
        nuint* heap = (nuint*)(grown[GrownCount - 1] & ~((64 << 20) - 1));
        if (heap[2] >= heap[3])
        {
            throw new InvalidOperationException("the C heap did not shrink");
        }
    }

    // The heap hands the block just freed out again; the pointer of the former owner now points at the new one.
    private static void Reuse(Plan plan, bool keepStale)
    {
        nint block = plan.Alloc("A");
        int size = plan.SizeOf("A");
        for (int i = 0; i < 1000; i++)
        {
            nint former = block;
            Marshal.FreeHGlobal(former);
            block = Marshal.AllocHGlobal(size);
            if (block == former)
            {
                NativeMemory.Clear((void*)block, (nuint)size);
                s_stale = keepStale ? former : 0;
                return;
            }
        }

        throw new InvalidOperationException("the C heap never handed the address out again");
    }

    private static void FreeEverySecond(Plan plan, bool held)
    {
        nint[] gaps = new nint[NeighbourCount];
        for (int i = 0; i < NeighbourCount; i++)
        {
            nint block = plan.Alloc("A");
            s_slots[i] = held ? block : 0;
            gaps[i] = Marshal.AllocHGlobal(plan.SizeOf("A"));
        }

        Array.ForEach(gaps, Marshal.FreeHGlobal);
        Array.Clear(gaps);
    }

    private static nint[] AllocMany(Plan plan, int count)
    {
        nint[] blocks = new nint[count];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = plan.Alloc("A");
        }

        return blocks;
    }
}
