// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>Reclamation vs reader: what a reader pinned is the block it looked for, and stays so.</summary>
internal sealed class ReclaimRace : Race
{
    private const int Lookups = 100_000;

    public override string Name => "reclaim-reader";

    public override string Summary => "a reader looks up and holds records while their blocks are freed and replaced";

    public override string Control => "reclamation does not count guards";

    public override Batch Run(bool broken, uint seed)
    {
        using ChurnWorld world = new(broken, writers: 2);
        return world.Run(seed, Lookups, () => Read(world, seed));
    }

    private static long Read(ChurnWorld world, uint seed)
    {
        uint random = seed * 31;
        long held = 0;
        for (int i = 0; i < Lookups; i++)
        {
            random = (random * 1664525) + 1013904223;
            nuint address = ChurnWorld.AddressOf((int)(random >> 16) % world.PlaceCount);
            using EpochGuard guard = world.Store.Epochs.Enter();
            if (world.Store.TryFind(in guard, address, out RecordHandle found))
            {
                held++;
                world.Report(Blocks.Check(address, in found));
                Thread.SpinWait((i & 255) == 0 ? 2000 : 20);
                world.Report(Blocks.Check(address, in found));
                found.Dispose();
            }
        }

        return held;
    }
}
