// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Flow;

namespace NativeLeak.Analyzers.CodeFixes;

/// <summary>NL0005: destroys the structure before its block is freed, where the same method frees it.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(UndestroyedStructureFix)), Shared]
public sealed class UndestroyedStructureFix : CodeFixProvider
{
    /// <summary>The rules it is for.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = ["NL0005"];

    /// <summary>All of a project at once.</summary>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <summary>Offers the fix.</summary>
    /// <param name="context">What is to be fixed.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            SyntaxNode node = await Replacing.NodeAsync(context, diagnostic.Location).ConfigureAwait(false);
            if (model?.GetOperation(node, context.CancellationToken) is not IInvocationOperation call
                || call.Arguments.FirstOrDefault(static argument => argument.Parameter?.Ordinal == 1) is not { } pointer
                || Operations.Strip(pointer.Value) is not ILocalReferenceOperation { Local: var local }
                || FreeOf(call, local) is not { } free || Replacing.StatementOf(free.Syntax) is not { } statement)
            {
                continue;
            }

            ITypeSymbol? type = call.TargetMethod.TypeArguments.Length == 1
                ? call.TargetMethod.TypeArguments[0]
                : Operations.Strip(call.Arguments[0].Value).Type;
            string name = type!.ToMinimalDisplayString(model, statement.SpanStart);
            string code = $"{Replacing.Qualify("Marshal")}.DestroyStructure<{name}>({local.Name});";
            Replacing.Offer(context, diagnostic, $"Destroy the {name} before its block is freed",
                root => Replacing.InsertBefore(root, statement, code));
        }
    }

    private static IInvocationOperation? FreeOf(IOperation call, ILocalSymbol local)
    {
        IOperation body = call;
        while (body.Parent is { } parent)
        {
            body = parent;
        }

        return body.Descendants().OfType<IInvocationOperation>()
            .FirstOrDefault(free => SymbolEqualityComparer.Default.Equals(Operations.FreedLocal(free), local));
    }
}
