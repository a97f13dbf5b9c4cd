// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>
/// A cursor's place vs blocks that come and go behind it: addresses only rise, and a block that stays is met once a walk.
/// </summary>
internal sealed class CursorRace : Race
{
    private const int Walks = 8;

    public override string Name => "cursor-place";

    public override string Summary => "a walk keeps its place while blocks behind and before it are freed and allocated";

    public override string Control => "the cursor's place is the number of blocks it showed, not an address";

    public override Batch Run(bool broken, uint seed)
    {
        using ChurnWorld world = new(broken: false, writers: 2);
        // Between a lookup and its pin nothing needs to be slow here: the race is between two steps of the cursor.
        world.Store.TestHookBeforePin = null;
        for (int place = 0; place < world.PlaceCount; place++)
        {
            Blocks.Insert(world.Store, Staying(place));
        }

        return world.Run(seed, (long)Walks * world.PlaceCount,
            () => Enumerable.Range(0, Walks).Sum(_ => broken ? WalkBroken(world) : Walk(world)));
    }

    // In the middle between blocks that come and go, in the same windows as some of them.
    private static nuint Staying(int place) => ChurnWorld.AddressOf(place) + (ChurnWorld.Spacing / 2);

    private static long Walk(ChurnWorld world)
    {
        List<nuint> met = [];
        using RecordCursor cursor = RecordCursor.Start(world.Store);
        while (cursor.TryNext())
        {
            met.Add(cursor.Current.Address);
            Thread.SpinWait(50);
        }

        return Check(world, met);
    }

    private static long WalkBroken(ChurnWorld world)
    {
        List<nuint> met = [];
        CountingCursor cursor = new(world.Store);
        while (cursor.TryNext())
        {
            met.Add(cursor.Current.Address);
            Thread.SpinWait(50);
        }

        return Check(world, met);
    }

    // The number of passing blocks that were met.
    private static long Check(ChurnWorld world, List<nuint> met)
    {
        nuint[] staying = [.. met.Where(static address => (address - ChurnWorld.AddressOf(0)) % ChurnWorld.Spacing != 0)];
        nuint[] expected = [.. Enumerable.Range(0, world.PlaceCount).Select(Staying)];
        if (!staying.SequenceEqual(expected))
        {
            world.Report(string.Create(CultureInfo.InvariantCulture,
                $"a walk met {staying.Distinct().Count()} of the {expected.Length} blocks that stayed, {staying.Length} times"));
        }

        for (int i = 1; i < met.Count; i++)
        {
            if (met[i] <= met[i - 1])
            {
                world.Report(string.Create(CultureInfo.InvariantCulture, $"a walk met {met[i]:x} behind {met[i - 1]:x}"));
            }
        }

        return met.Count - staying.Length;
    }
}
