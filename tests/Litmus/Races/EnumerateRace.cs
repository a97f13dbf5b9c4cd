// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>
/// Retirement vs enumeration: a cursor over all records meets every block that stays exactly once and never a wrong record,
/// whatever happens to the others meanwhile.
/// </summary>
internal sealed class EnumerateRace : Race
{
    private const int Walks = 60;

    public override string Name => "retire-enumerate";

    public override string Summary => "a walk over all blocks goes on while blocks between them are freed and allocated";

    public override string Control => "the cursor unpins a record, and leaves its guard, before it is read";

    public override Batch Run(bool broken, uint seed)
    {
        using ChurnWorld world = new(broken: false, writers: 2);
        int places = world.PlaceCount;
        for (int place = 0; place < places; place++)
        {
            Blocks.Insert(world.Store, Staying(place));
        }

        return world.Run(seed, (long)Walks * places, () => Enumerable.Range(0, Walks).Sum(_ => Walk(world, places, broken)));
    }

    // The blocks that stay lie between those that come and go.
    private static nuint Staying(int place) => ChurnWorld.AddressOf(place) + (ChurnWorld.Spacing / 2);

    private static long Walk(ChurnWorld world, int places, bool broken)
    {
        long passing = 0;
        int staying = 0;
        if (broken)
        {
            LooseCursor cursor = new(world.Store);
            while (cursor.TryNext())
            {
                nuint address = cursor.Current.Address;
                Thread.SpinWait(50);
                Meet(address, cursor.Current);
            }
        }
        else
        {
            using RecordCursor cursor = RecordCursor.Start(world.Store);
            while (cursor.TryNext())
            {
                nuint address = cursor.Current.Address;
                Thread.SpinWait(50);
                Meet(address, cursor.Current);
            }
        }

        if (staying != places)
        {
            world.Report($"a walk met {staying} of the {places} blocks that stayed all the time");
        }

        return passing;

        void Meet(nuint address, in BlockRecord record)
        {
            world.Report(Blocks.Check(address, in record));
            bool isStaying = (address - ChurnWorld.AddressOf(0)) % ChurnWorld.Spacing != 0;
            staying += isStaying ? 1 : 0;
            passing += isStaying ? 0 : 1;
        }
    }
}
