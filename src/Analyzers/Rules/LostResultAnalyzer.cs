// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.FlowAnalysis;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Flow;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Rules;

/// <summary>NL0002: an allocation whose result is discarded, overwritten or never read.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class LostResultAnalyzer : DiagnosticAnalyzer
{
    /// <summary>Property of a diagnostic: the free that belongs to the block.</summary>
    internal const string FreeProperty = "Free";

    /// <summary>Property of a diagnostic: the local that held the pointer.</summary>
    internal const string LocalProperty = "Local";

    /// <summary>What this finds.</summary>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Descriptors.LostResult];

    /// <summary>Called once by the compiler.</summary>
    /// <param name="context">Where actions are registered.</param>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationAction(AnalyzeDiscard, OperationKind.Invocation);
        context.RegisterOperationBlockAction(AnalyzeLocals);
    }

    private static void AnalyzeDiscard(OperationAnalysisContext context)
    {
        if (Operations.Allocation(context.Operation) is not { } member)
        {
            return;
        }

        // An arrow's body may be there for the exception it throws.
        if (Operations.Taker(context.Operation) is IExpressionStatementOperation { Syntax: ExpressionStatementSyntax }
            or ISimpleAssignmentOperation { Target: IDiscardOperation })
        {
            context.ReportDiagnostic(Diagnostic.Create(
                Descriptors.LostResult, context.Operation.Syntax.GetLocation(), member.DisplayName, "the result is discarded"));
        }
    }

    private static void AnalyzeLocals(OperationBlockAnalysisContext context)
    {
        if (!context.OperationBlocks.Any(static block => block.Descendants().Any(static operation
            => operation is IInvocationOperation && Operations.Allocation(operation) is not null)))
        {
            return;
        }

        LocalFacts facts = new(context.OperationBlocks);
        foreach (IOperation block in context.OperationBlocks)
        {
            foreach (ControlFlowGraph graph in Graphs(context.GetControlFlowGraph(block)))
            {
                foreach (DeadAllocations.Found found in new DeadAllocations(graph, facts).Find())
                {
                    Report(context, found);
                }
            }
        }
    }

    private static void Report(OperationBlockAnalysisContext context, in DeadAllocations.Found found)
    {
        string reason = found.Overwriting is null
            ? $"'{found.Local.Name}' is not read before it goes out of scope"
            : $"'{found.Local.Name}' is overwritten before it is read";
        ImmutableDictionary<string, string?> properties = ImmutableDictionary<string, string?>.Empty
            .Add(FreeProperty, FreeNames.Of(found.Member.Family)).Add(LocalProperty, found.Local.Name);
        context.ReportDiagnostic(Diagnostic.Create(
            Descriptors.LostResult, found.Allocation.Syntax.GetLocation(),
            found.Overwriting is { } overwriting ? [overwriting.Syntax.GetLocation()] : [],
            properties, found.Member.DisplayName, reason));
    }

    // The graph of a method, and those of the functions in it.
    private static IEnumerable<ControlFlowGraph> Graphs(ControlFlowGraph graph)
    {
        yield return graph;
        foreach (IMethodSymbol function in graph.LocalFunctions)
        {
            foreach (ControlFlowGraph inner in Graphs(graph.GetLocalFunctionControlFlowGraph(function)))
            {
                yield return inner;
            }
        }

        foreach (IFlowAnonymousFunctionOperation lambda in graph.Blocks
            .SelectMany(static block => block.Operations.Concat(block.BranchValue is { } value ? [value] : []))
            .SelectMany(static operation => operation.DescendantsAndSelf()).OfType<IFlowAnonymousFunctionOperation>())
        {
            foreach (ControlFlowGraph inner in Graphs(graph.GetAnonymousFunctionControlFlowGraph(lambda)))
            {
                yield return inner;
            }
        }
    }
}
