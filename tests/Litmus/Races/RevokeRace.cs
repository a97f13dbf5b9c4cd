// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>
/// Reuse vs revoked reader: reclamation no longer waits for this reader, and what it pins is right all the same.
/// </summary>
internal sealed class RevokeRace : Race
{
    private const int Lookups = 100_000;
    private const int LookupsPerGuard = 1000;

    public override string Name => "revoked-reader";

    public override string Summary => "a reader that was revoked looks up records that are reused under it";

    public override string Control => "the reader does not look again where it found the record";

    public override Batch Run(bool broken, uint seed)
    {
        using ChurnWorld world = new(broken, writers: 2);
        return world.Run(seed, Lookups, () => Read(world, seed, isRevoked: !broken));
    }

    // The control's guards are not counted, so reclamation does not wait for them either, and they never look twice.
    private static long Read(ChurnWorld world, uint seed, bool isRevoked)
    {
        uint random = seed * 31;
        long held = 0;
        for (int i = 0; i < Lookups / LookupsPerGuard; i++)
        {
            using EpochGuard guard = world.Store.Epochs.Enter();
            world.Store.Epochs.Advance();
            world.Store.Epochs.OldestGuard(EpochDomain.GarbageLimit);
            if (guard.IsRevoked != isRevoked)
            {
                world.Report("a reader in the way was not revoked");
            }

            for (int j = 0; j < LookupsPerGuard; j++)
            {
                random = (random * 1664525) + 1013904223;
                nuint address = ChurnWorld.AddressOf((int)(random >> 16) % world.PlaceCount);
                if (world.Store.TryFind(in guard, address, out RecordHandle found))
                {
                    held++;
                    world.Report(Blocks.Check(address, in found));
                    found.Dispose();
                }
            }
        }

        return held;
    }
}
