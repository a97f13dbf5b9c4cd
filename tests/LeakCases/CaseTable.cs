// Licensed under the MIT License. See LICENSE in the repository root.
using LeakCases.Cases;

namespace LeakCases;

/// <summary>Every case there is.</summary>
internal static class CaseTable
{
    /// <summary>All cases, in the order of docs/scenarios.md.</summary>
    public static IReadOnlyList<LeakCase> All { get; } =
    [
        .. Chains.All, .. Graphs.All, .. BigGraphs.All,
        .. Statics.All, .. Stacks.All, .. Registers.All, .. ThreadLocals.All, .. NativeRoots.All, .. RegisteredRoots.All, .. PointerForms.All, .. Headers.All,
        .. ThreadLife.All, .. ThreadChurn.All, .. MovingPointers.All, .. Signals.All, .. StaleData.All, .. CHeapState.All, .. LastHolders.All,
        .. ManagedHolders.All, .. ManagedLifetimes.All, .. OtherApis.All,
        .. Hints.All, .. Scopes.All, .. Pools.All,
    ];

    /// <summary>The case of that name, null when there is none.</summary>
    public static LeakCase? Find(string name) => All.FirstOrDefault(candidate => candidate.Name == name);
}
