// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one process with blocks of every holder kind, half of them held and half dropped.
// Who calls it: Program (--corpus); the test HolderCorpusTests counts what a scan finds of it.
// The one idea: kind and fate of a block are in its size, so that nothing of the product is trusted to tell them apart.
using LeakCases.Planting;

namespace LeakCases.Corpus;

/// <summary>The planted corpus behind the figure "27 kinds of managed holder".</summary>
internal static class HolderCorpus
{
    /// <summary>Blocks of each kind and fate.</summary>
    public const int Count = 25;

    private const int AfterCount = 8;

    private static readonly List<object> s_held = [];

    /// <summary>Everything that is planted. No case: what is found of it is a rate.</summary>
    public static LeakCase Case { get; } = new(
        "holder-corpus", "holder-corpus", [], [.. HolderKinds.All.SelectMany(static kind => Blocks(kind))], Plant);

    /// <summary>The name of the blocks whose holder was kept.</summary>
    public static string Held(HolderKind kind) => kind.Name + "-held";

    /// <summary>The name of the blocks whose holder was dropped.</summary>
    public static string Dropped(HolderKind kind) => kind.Name + "-dropped";

    private static ExpectedBlock[] Blocks(HolderKind kind)
        => [ExpectedBlock.Live(Held(kind), Count), ExpectedBlock.Lost(Dropped(kind), Count)];

    private static void Plant(Plan plan)
    {
        foreach (HolderKind kind in HolderKinds.All)
        {
            PlantingThread.Run(() =>
            {
                for (int i = 0; i < Count; i++)
                {
                    s_held.Add(kind.Make(() => plan.Alloc(Held(kind))));
                    Drop(kind, () => plan.Alloc(Dropped(kind)));
                }

                // Programs go on: what the last holder left in the thread's own places is used again.
                for (int i = 0; i < AfterCount; i++)
                {
                    Drop(kind, static () => 0);
                }
            });
        }
    }

    private static void Drop(HolderKind kind, Func<nint> make)
    {
        object holder = kind.Make(make);
        kind.Release?.Invoke(holder);
    }
}
