// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds allocations whose pointer goes into a local that nothing reads before it is overwritten or gone.
// Who calls it: LostResultAnalyzer.
// The one idea: on the compiler's own control flow graph, a write is dead when no read is reached without another write in
// between, on any path: then the block is lost on every path, and there is no doubt.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.FlowAnalysis;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Flow;

/// <summary>Dead writes of allocations in one control flow graph.</summary>
internal sealed class DeadAllocations(ControlFlowGraph graph, LocalFacts facts)
{
    private readonly Dictionary<BasicBlock, List<Access>> _accesses = [];

    /// <summary>A read or write of a local, in the order in which they happen.</summary>
    private readonly record struct Access(ILocalSymbol Local, ISimpleAssignmentOperation? Write);

    /// <summary>A lost allocation.</summary>
    /// <param name="Member">What allocated.</param>
    /// <param name="Allocation">The call.</param>
    /// <param name="Local">Where its pointer went.</param>
    /// <param name="Overwriting">A write that it is lost by; null when the method ends first.</param>
    public readonly record struct Found(
        NativeMember Member, IOperation Allocation, ILocalSymbol Local, IOperation? Overwriting);

    /// <summary>All lost allocations of the graph.</summary>
    public IEnumerable<Found> Find()
    {
        foreach (BasicBlock block in graph.Blocks)
        {
            List<Access> accesses = AccessesOf(block);
            for (int i = 0; i < accesses.Count; i++)
            {
                if (accesses[i] is { Write: { } write, Local: var local } && facts.IsPlain(local) && !facts.IsNamedByHandler(local)
                    && Operations.Allocation(write.Value) is { } member
                    && IsDead(block, i + 1, local, out IOperation? overwriting))
                {
                    yield return new Found(member, Operations.Strip(write.Value), local, overwriting);
                }
            }
        }
    }

    private bool IsDead(BasicBlock start, int index, ILocalSymbol local, out IOperation? overwriting)
    {
        overwriting = null;
        HashSet<BasicBlock> seen = [];
        Stack<(BasicBlock Block, int Index)> open = new();
        open.Push((start, index));
        while (open.Count > 0)
        {
            (BasicBlock block, int at) = open.Pop();
            List<Access> accesses = AccessesOf(block);
            bool isWritten = false;
            for (; at < accesses.Count && !isWritten; at++)
            {
                if (SymbolEqualityComparer.Default.Equals(accesses[at].Local, local))
                {
                    if (accesses[at].Write is not { } write)
                    {
                        return false;
                    }

                    overwriting ??= write;
                    isWritten = true;
                }
            }

            if (isWritten)
            {
                continue;
            }

            foreach (ControlFlowBranch? branch in new[] { block.FallThroughSuccessor, block.ConditionalSuccessor })
            {
                // Finally blocks on the way do not name the local (see Find).
                if (branch?.Destination is { } next && seen.Add(next))
                {
                    open.Push((next, 0));
                }
            }
        }

        return true;
    }

    private List<Access> AccessesOf(BasicBlock block)
    {
        if (!_accesses.TryGetValue(block, out List<Access>? accesses))
        {
            accesses = [];
            foreach (IOperation operation in block.Operations)
            {
                Collect(operation, accesses);
            }

            if (block.BranchValue is { } value)
            {
                Collect(value, accesses);
            }

            _accesses[block] = accesses;
        }

        return accesses;
    }

    // Children before their parent: the order of evaluation.
    private static void Collect(IOperation operation, List<Access> accesses)
    {
        if (operation is ISimpleAssignmentOperation { IsRef: false, Target: ILocalReferenceOperation target } assignment)
        {
            Collect(assignment.Value, accesses);
            accesses.Add(new Access(target.Local, assignment));
            return;
        }

        foreach (IOperation child in operation.ChildOperations)
        {
            Collect(child, accesses);
        }

        if (operation is ILocalReferenceOperation reference)
        {
            accesses.Add(new Access(reference.Local, null));
        }
    }
}
