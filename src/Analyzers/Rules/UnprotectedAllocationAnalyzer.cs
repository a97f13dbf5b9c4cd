// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NL0004: something may throw between an allocation and the try whose finally block frees.
// The one idea: only a method that has such a finally block says by itself that exceptions matter and who owns the block, so
// only such methods are judged.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Flow;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Rules;

/// <summary>NL0004: no free on an exception path between allocation and try.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class UnprotectedAllocationAnalyzer : DiagnosticAnalyzer
{
    /// <summary>What this finds.</summary>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Descriptors.Unprotected];

    /// <summary>Called once by the compiler.</summary>
    /// <param name="context">Where actions are registered.</param>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationAction(Analyze, OperationKind.Try);
    }

    private static void Analyze(OperationAnalysisContext context)
    {
        ITryOperation attempt = (ITryOperation)context.Operation;
        if (attempt.Finally is null || SiblingsOf(attempt) is not { IsDefaultOrEmpty: false } siblings)
        {
            return;
        }

        int place = siblings.IndexOf(attempt);
        foreach (ILocalSymbol local in attempt.Finally.Descendants().OfType<IInvocationOperation>()
            .Select(Operations.FreedLocal).OfType<ILocalSymbol>().Distinct<ILocalSymbol>(SymbolEqualityComparer.Default))
        {
            Analyze(context, siblings, place, local, attempt);
        }
    }

    private static void Analyze(
        OperationAnalysisContext context, ImmutableArray<IOperation> siblings, int place, ILocalSymbol local, ITryOperation attempt)
    {
        IOperation? cause = null;
        for (int i = place - 1; i >= 0; i--)
        {
            if (Written(siblings[i], local) is { } value)
            {
                if (cause is not null && Operations.Allocation(value) is { } member && !IsProtected(attempt, local))
                {
                    context.ReportDiagnostic(Diagnostic.Create(
                        Descriptors.Unprotected, Operations.Strip(value).Syntax.GetLocation(),
                        [siblings[i].Syntax.GetLocation(), attempt.Syntax.GetLocation()],
                        member.DisplayName, Describe(cause)));
                }

                return;
            }

            (RiskKind kind, IOperation? reason) = Risk.Of(siblings[i], local);
            if (kind == RiskKind.Unclear)
            {
                return;
            }

            cause = reason ?? cause;
        }
    }

    // Top-level statements are the children of a block as well.
    private static ImmutableArray<IOperation> SiblingsOf(IOperation statement) => statement.Parent switch
    {
        IBlockOperation block => block.Operations,
        ISwitchCaseOperation section => section.Body,
        _ => default,
    };

    private static IOperation? Written(IOperation statement, ILocalSymbol local) => statement switch
    {
        IVariableDeclarationGroupOperation group => group.Declarations.SelectMany(static declaration => declaration.Declarators)
            .FirstOrDefault(declarator => SymbolEqualityComparer.Default.Equals(declarator.Symbol, local))
            ?.GetVariableInitializer()?.Value,
        IExpressionStatementOperation { Operation: ISimpleAssignmentOperation { Target: ILocalReferenceOperation target } assignment }
            when SymbolEqualityComparer.Default.Equals(target.Local, local) => assignment.Value,
        _ => null,
    };

    // A handler further out may free it.
    private static bool IsProtected(ITryOperation attempt, ILocalSymbol local)
    {
        for (IOperation? parent = attempt.Parent; parent is not null; parent = parent.Parent)
        {
            if (parent is ITryOperation outer && outer.Catches.Cast<IOperation>().Concat(outer.Finally is { } last ? [last] : [])
                .SelectMany(static handler => handler.Descendants()).OfType<ILocalReferenceOperation>()
                .Any(reference => SymbolEqualityComparer.Default.Equals(reference.Local, local)))
            {
                return true;
            }
        }

        return false;
    }

    private static string Describe(IOperation cause) => cause switch
    {
        IInvocationOperation call => call.TargetMethod.Name,
        IObjectCreationOperation creation => "new " + creation.Type?.Name,
        IAwaitOperation => "await",
        _ => "throw",
    };
}
