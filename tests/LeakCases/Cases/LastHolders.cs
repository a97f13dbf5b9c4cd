// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Blocks that are held while scans run, and dropped before later ones: the report names what held them.</summary>
internal static unsafe class LastHolders
{
    private const string ScanOften = "first_scan=100ms,scan_interval=100ms,min_age=0s";
    private const int ScansMilliseconds = 1200;
    private const int Word = 3;

    private static Ingest? s_ingest;
    private static nint s_parent;
    private static nint[]? s_slots;
    private static nint s_value;

    public static IEnumerable<LeakCase> All =>
    [
        .. Pair("last-holder-field", "Ingest._row", static plan => s_ingest = new Ingest(plan.Alloc("A")), static () => s_ingest = null),
        .. Pair("last-holder-array", "nint[]", static plan => s_slots = [0, plan.Alloc("A")], static () => s_slots = null),
        .. Pair("last-holder-static", "static field LeakCases.Cases.LastHolders.s_value", static plan => s_value = plan.Alloc("A"), static () => s_value = 0),
        .. Pair("last-holder-block", "at its start + 24", PlantParent, static () => Words.Point(s_parent, Word, 0), Live("B")),
    ];

    private static LeakCase[] Pair(string name, string holder, Action<Plan> plant, Action drop, params ExpectedBlock[] others) =>
    [
        new($"{name}-dropped", $"{name}-held", [], [Lost("A"), .. others], plant)
        {
            Options = ScanOften,
            MinimumScans = 4,
            LastHolder = holder,
            Finish = () =>
            {
                Thread.Sleep(ScansMilliseconds);
                drop();
                Thread.Sleep(ScansMilliseconds);
            },
        },
        new($"{name}-held", $"{name}-dropped", [], [Live("A"), .. others], plant)
        {
            Options = ScanOften,
            MinimumScans = 4,
            Finish = static () => Thread.Sleep(2 * ScansMilliseconds),
        },
    ];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlantParent(Plan plan)
    {
        nint child = plan.Alloc("A");
        s_parent = plan.Alloc("B");
        Words.Point(s_parent, Word, child);
    }

    private sealed class Ingest(nint row)
    {
        private readonly nint _row = row;

        public override string ToString() => _row == 0 ? "nothing" : "a row";
    }
}
