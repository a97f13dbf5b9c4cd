// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Rules;

/// <summary>NL0001: a member of ours as method group or function pointer.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class UnreachableCallAnalyzer : DiagnosticAnalyzer
{
    /// <summary>What this finds.</summary>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Descriptors.Unreachable];

    /// <summary>Called once by the compiler.</summary>
    /// <param name="context">Where actions are registered.</param>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationAction(Analyze, OperationKind.MethodReference);
    }

    private static void Analyze(OperationAnalysisContext context)
    {
        IMethodReferenceOperation reference = (IMethodReferenceOperation)context.Operation;
        if (MemberTable.Find(reference.Method) is not { } member)
        {
            return;
        }

        for (IOperation? parent = reference.Parent; parent is not null; parent = parent.Parent)
        {
            if (parent is INameOfOperation)
            {
                return;
            }
        }

        context.ReportDiagnostic(Diagnostic.Create(
            Descriptors.Unreachable, reference.Syntax.GetLocation(), member.DisplayName));
    }
}
