// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the blocks whose verdicts are known.
// Who calls it: SoakRun, once.
// The one idea: each hiding place holds its share of the reachable blocks for ever; the lost ones are made by a thread that
// is gone, with its stack overwritten.
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Soak.Planting;

/// <summary>Plants reachable and lost blocks.</summary>
internal static unsafe class PlantedBlocks
{
    /// <summary>Bytes of every reachable planted block; nothing else in the process has this size.</summary>
    public const int ReachableSize = 3001;

    /// <summary>Bytes of every lost planted block.</summary>
    public const int LostSize = 3011;

    /// <summary>Lost blocks planted.</summary>
    public const int LostCount = 2000;

    private const int PerPlace = 250;

    private static readonly nint[] s_array = new nint[PerPlace];
    private static readonly Holder[] s_objects = new Holder[PerPlace];
    private static readonly ConcurrentDictionary<int, nint> s_dictionary = [];
    private static readonly List<Func<nint>> s_closures = [];
    private static readonly List<nint> s_handles = [];
    private static nint s_chain;

    [ThreadStatic]
    private static nint t_chain;

    /// <summary>Reachable blocks planted.</summary>
    public static int ReachableCount { get; private set; }

    /// <summary>Plants them all.</summary>
    public static void Plant()
    {
        OnThreadThatEnds(PlantReachable);
        OnThreadThatEnds(PlantLost);
        StartActor(HoldOnStack);
        StartActor(HoldInThreadStatic);
    }

    private static void PlantReachable()
    {
        for (int i = 0; i < PerPlace; i++)
        {
            nint captured = Reachable();
            s_array[i] = Reachable();
            s_objects[i] = new Holder { Block = Reachable() };
            s_dictionary[i] = Reachable();
            s_closures.Add(() => captured);
            s_handles.Add(GCHandle.ToIntPtr(GCHandle.Alloc(new Holder { Block = Reachable() })));
            Link(ref s_chain);
        }
    }

    private static void PlantLost()
    {
        nint chain = 0;
        for (int i = 0; i < LostCount; i++)
        {
            nint block = Alloc(LostSize);
            *(nint*)block = chain;
            chain = i % 10 == 0 ? 0 : block;
        }
    }

    private static void HoldOnStack(Action ready)
    {
        nint* slots = stackalloc nint[PerPlace];
        for (int i = 0; i < PerPlace; i++)
        {
            slots[i] = Reachable();
        }

        ready();
        Thread.Sleep(Timeout.Infinite);
        s_array[0] = slots[0];
    }

    private static void HoldInThreadStatic(Action ready)
    {
        for (int i = 0; i < PerPlace; i++)
        {
            Link(ref t_chain);
        }

        ready();
        Thread.Sleep(Timeout.Infinite);
    }

    private static void Link(ref nint chain)
    {
        nint block = Reachable();
        *(nint*)block = chain;
        chain = block;
    }

    private static nint Reachable()
    {
        ReachableCount++;
        return Alloc(ReachableSize);
    }

    private static nint Alloc(int byteCount) => (nint)NativeMemory.AllocZeroed((nuint)byteCount);

    private static void OnThreadThatEnds(Action plant)
    {
        Thread thread = new(() =>
        {
            plant();
            ScrubStack();
        });
        thread.Start();
        thread.Join();
    }

    private static void StartActor(Action<Action> actor)
    {
        using ManualResetEventSlim ready = new();
        Thread thread = new(() => actor(ready.Set)) { IsBackground = true };
        thread.Start();
        ready.Wait();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ScrubStack()
    {
        const int ByteCount = 128 * 1024;
        byte* dead = stackalloc byte[ByteCount];
        NativeMemory.Fill(dead, ByteCount, 0x5C);
        s_array[0] ^= dead[17] & 0;
    }

    private sealed class Holder
    {
        public nint Block;
    }
}
