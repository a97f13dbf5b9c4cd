// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NL0003: a block freed by a member of another family.
// The one idea: a local all of whose values come from one family must be freed by that family, wherever in the method that
// is: no path has to be guessed, in a finally block either.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Flow;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Rules;

/// <summary>NL0003: freed with the wrong family.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class WrongFreeAnalyzer : DiagnosticAnalyzer
{
    /// <summary>What this finds.</summary>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Descriptors.WrongFree];

    /// <summary>Called once by the compiler.</summary>
    /// <param name="context">Where actions are registered.</param>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationBlockAction(Analyze);
    }

    private static void Analyze(OperationBlockAnalysisContext context)
    {
        IInvocationOperation[] frees =
        [
            .. context.OperationBlocks.SelectMany(static block => block.Descendants()).OfType<IInvocationOperation>()
                .Where(static call => Operations.Member(call) is { Frees: true }),
        ];
        if (frees.Length == 0)
        {
            return;
        }

        Dictionary<ILocalSymbol, NativeMember?>? sources = null;
        foreach (IInvocationOperation call in frees)
        {
            NativeMember free = Operations.Member(call)!;
            NativeMember? source = null;
            if (Operations.FreedLocal(call) is { } local)
            {
                sources ??= SourcesOf(context.OperationBlocks);
                sources.TryGetValue(local, out source);
            }
            else if (call.Arguments.FirstOrDefault(static argument => argument.Parameter?.Ordinal == 0) is { } argument)
            {
                source = Operations.Allocation(argument.Value);
            }

            if (source is not null && source.Family != free.Family)
            {
                ImmutableDictionary<string, string?> properties = ImmutableDictionary<string, string?>.Empty
                    .Add(LostResultAnalyzer.FreeProperty, FreeNames.Of(source.Family));
                context.ReportDiagnostic(Diagnostic.Create(
                    Descriptors.WrongFree, call.Syntax.GetLocation(), properties,
                    source.DisplayName, free.DisplayName, FreeNames.Of(source.Family)));
            }
        }
    }

    // For each plain local: an allocation of the one family that all its values come from; null where they do not.
    private static Dictionary<ILocalSymbol, NativeMember?> SourcesOf(ImmutableArray<IOperation> blocks)
    {
        LocalFacts facts = new(blocks);
        Dictionary<ILocalSymbol, NativeMember?> sources = new(SymbolEqualityComparer.Default);
        foreach (IOperation operation in blocks.SelectMany(static block => block.Descendants()))
        {
            (ILocalSymbol? local, IOperation? value) = operation switch
            {
                IVariableDeclaratorOperation { Initializer: { } initializer } declarator => (declarator.Symbol, initializer.Value),
                ISimpleAssignmentOperation { Target: ILocalReferenceOperation target } assignment => (target.Local, assignment.Value),
                ICompoundAssignmentOperation { Target: ILocalReferenceOperation target } compound => (target.Local, compound),
                IIncrementOrDecrementOperation { Target: ILocalReferenceOperation target } step => (target.Local, step),
                IForEachLoopOperation { LoopControlVariable: IVariableDeclaratorOperation declarator } loop => (declarator.Symbol, loop),
                IDeclarationPatternOperation { DeclaredSymbol: ILocalSymbol declared } pattern => (declared, pattern),
                _ => (null, null),
            };
            if (local is null || value is null || Operations.IsNothing(value))
            {
                continue;
            }

            NativeMember? source = facts.IsPlain(local) ? Operations.Allocation(value) : null;
            sources[local] = !sources.TryGetValue(local, out NativeMember? known) ? source
                : known is not null && source is not null && known.Family == source.Family ? known
                : null;
        }

        return sources;
    }
}
