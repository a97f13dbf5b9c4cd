// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NativeLeak.Analyzers.Rules;

namespace NativeLeak.Analyzers.CodeFixes;

/// <summary>NL0002: removes an allocation whose result is discarded; frees a block before its pointer is overwritten.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(LostResultFix)), Shared]
public sealed class LostResultFix : CodeFixProvider
{
    /// <summary>The rules it is for.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = ["NL0002"];

    /// <summary>All of a project at once.</summary>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <summary>Offers the fix.</summary>
    /// <param name="context">What is to be fixed.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            if (!diagnostic.Properties.TryGetValue(LostResultAnalyzer.LocalProperty, out string? local))
            {
                await OfferRemovalAsync(context, diagnostic).ConfigureAwait(false);
            }
            else if (diagnostic.AdditionalLocations.Count == 1
                && diagnostic.Properties.TryGetValue(LostResultAnalyzer.FreeProperty, out string? free))
            {
                SyntaxNode overwriting = await Replacing.NodeAsync(context, diagnostic.AdditionalLocations[0]).ConfigureAwait(false);
                SyntaxNode allocation = await Replacing.NodeAsync(context, diagnostic.Location).ConfigureAwait(false);
                // A loop overwrites by the very statement that allocates: freeing there would free nothing the first time.
                if (Replacing.StatementOf(overwriting) is { } statement && !statement.Span.Contains(allocation.Span)
                    && ReferenceEquals(Replacing.StatementOf(allocation)?.Parent, statement.Parent))
                {
                    SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
                    bool isPointer = model?.LookupSymbols(statement.SpanStart, name: local).OfType<ILocalSymbol>()
                        .FirstOrDefault()?.Type is IPointerTypeSymbol;
                    string cast = isPointer && free!.StartsWith("Marshal.", StringComparison.Ordinal) ? "(nint)" : string.Empty;
                    string code = $"{Replacing.Qualify(free!)}({cast}{local});";
                    Replacing.Offer(context, diagnostic, $"Free '{local}' before it is overwritten",
                        root => Replacing.InsertBefore(root, statement, code));
                }
            }
        }
    }

    private static async Task OfferRemovalAsync(CodeFixContext context, Diagnostic diagnostic)
    {
        SyntaxNode node = await Replacing.NodeAsync(context, diagnostic.Location).ConfigureAwait(false);
        // Arguments that do something are not ours to drop.
        if (Replacing.StatementOf(node) is { Parent: BlockSyntax or SwitchSectionSyntax } statement
            && node is InvocationExpressionSyntax invocation
            && !invocation.ArgumentList.DescendantNodes().Any(static inner
                => inner is InvocationExpressionSyntax or AssignmentExpressionSyntax or AwaitExpressionSyntax
                    or PostfixUnaryExpressionSyntax or ObjectCreationExpressionSyntax))
        {
            Replacing.Offer(context, diagnostic, "Remove the allocation",
                root => root.RemoveNode(statement, SyntaxRemoveOptions.KeepNoTrivia)!);
        }
    }
}
