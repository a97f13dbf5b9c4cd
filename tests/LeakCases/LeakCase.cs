// Licensed under the MIT License. See LICENSE in the repository root.
namespace LeakCases;

/// <summary>One scenario: what it plants, where, and the verdicts that are right for it.</summary>
internal sealed class LeakCase
{
    /// <summary>The block that every case leaks beside its own: a report that says nothing fails every case.</summary>
    public const string Canary = "canary";

    /// <summary>Bytes of a case's first block, unless it says otherwise.</summary>
    // Sizes of 9 to 15 above a multiple of 16: the C library's own notes of where the next chunk begins then lie behind
    // the block, and a stale copy of one on some stack is no pointer into it.
    public const int FirstSize = 2009;

    private const int SizeStep = 32;
    private const int CanarySize = 1785;

    /// <summary>Makes a case.</summary>
    /// <param name="name">Its name on the command line.</param>
    /// <param name="twin">The case that differs in nothing but the verdict.</param>
    /// <param name="scenarios">The numbers it covers in docs/scenarios.md; empty for those without a number.</param>
    /// <param name="blocks">What it plants.</param>
    /// <param name="plant">Does the planting, on a thread that is gone before the report is made.</param>
    public LeakCase(string name, string twin, int[] scenarios, ExpectedBlock[] blocks, Action<Plan> plant)
    {
        Name = name;
        Twin = twin;
        Scenarios = scenarios;
        Plant = plant;
        Blocks =
        [
            ExpectedBlock.Lost(Canary) with { Size = CanarySize },
            .. blocks.Select((block, i) => block.Size != 0 ? block : block with { Size = FirstSize + (SizeStep * i) }),
        ];
    }

    /// <summary>Its name on the command line.</summary>
    public string Name { get; }

    /// <summary>The case that differs in nothing but the verdict.</summary>
    public string Twin { get; }

    /// <summary>The numbers it covers in docs/scenarios.md.</summary>
    public IReadOnlyList<int> Scenarios { get; }

    /// <summary>What it plants, and the verdicts.</summary>
    public IReadOnlyList<ExpectedBlock> Blocks { get; }

    /// <summary>Does the planting.</summary>
    public Action<Plan> Plant { get; }

    /// <summary>What the main thread does after it; nothing when null. The process ends afterwards.</summary>
    public Action? Finish { get; init; }

    /// <summary>Options the detector is started with (NATIVELEAK_OPTIONS), empty for its defaults.</summary>
    public string Options { get; init; } = "";

    /// <summary>Threads that must have been parked at least.</summary>
    public int MinimumThreads { get; init; } = 1;

    /// <summary>Scans that must have been made at least.</summary>
    public int MinimumScans { get; init; } = 1;

    /// <summary>What the description of block A's last holder must contain; null when that is not asked.</summary>
    public string? LastHolder { get; init; }

    /// <summary>A method that the stack of block A must name, with its file and line; null when that is not asked.</summary>
    public string? Site { get; init; }

    /// <summary>
    /// Two cases from one body: in the first the holder keeps the only pointer to block A, which is live; in the second
    /// the holder lets go of it, and it is lost.
    /// </summary>
    public static LeakCase[] Pair(string name, int[] scenarios, Action<Plan, bool> plant, int count = 1, int threads = 1) =>
    [
        new($"{name}-held", $"{name}-dropped", scenarios, [ExpectedBlock.Live("A", count)], plan => plant(plan, true))
        {
            MinimumThreads = threads,
        },
        new($"{name}-dropped", $"{name}-held", scenarios, [ExpectedBlock.Lost("A", count)], plan => plant(plan, false))
        {
            MinimumThreads = threads,
        },
    ];
}
