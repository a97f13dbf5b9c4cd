// Licensed under the MIT License. See LICENSE in the repository root.
using LeakCases.Planting;

namespace LeakCases.Cases;

/// <summary>Pointers that exist in one register of a running thread and nowhere else.</summary>
internal static class Registers
{
    public static IEnumerable<LeakCase> All =>
    [
        .. LeakCase.Pair("general-register", [30], static (plan, held) =>
        {
            nuint hidden = HideUnlessDropped(plan, held);
            PlantingThread.StartActor(ready => MachineStub.HoldInRbx(hidden, ready));
        }, threads: 2),
        .. LeakCase.Pair("vector-register", [31], static (plan, held) =>
        {
            nuint hidden = HideUnlessDropped(plan, held);
            PlantingThread.StartActor(ready => MachineStub.HoldInXmm15(hidden, ready));
        }, threads: 2),
    ];

    private static nuint HideUnlessDropped(Plan plan, bool held)
    {
        nuint hidden = Words.Hide(plan.Alloc("A"));
        return held ? hidden : nuint.MaxValue;
    }
}
