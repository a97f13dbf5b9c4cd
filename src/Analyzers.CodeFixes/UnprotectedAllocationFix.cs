// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Formatting;

namespace NativeLeak.Analyzers.CodeFixes;

/// <summary>NL0004: moves what stands between the allocation and the try into the try.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(UnprotectedAllocationFix)), Shared]
public sealed class UnprotectedAllocationFix : CodeFixProvider
{
    /// <summary>The rules it is for.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = ["NL0004"];

    /// <summary>One by one: two blocks of one try would move the same statements.</summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <summary>Offers the fix.</summary>
    /// <param name="context">What is to be fixed.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic diagnostic in context.Diagnostics.Where(static diagnostic => diagnostic.AdditionalLocations.Count == 2))
        {
            SyntaxNode first = await Replacing.NodeAsync(context, diagnostic.AdditionalLocations[0]).ConfigureAwait(false);
            SyntaxNode last = await Replacing.NodeAsync(context, diagnostic.AdditionalLocations[1]).ConfigureAwait(false);
            if (Replacing.StatementOf(first) is not { Parent: BlockSyntax block } allocation
                || last.FirstAncestorOrSelf<TryStatementSyntax>() is not { } attempt || attempt.Parent != block || model is null)
            {
                continue;
            }

            int from = block.Statements.IndexOf(allocation) + 1;
            int to = block.Statements.IndexOf(attempt);
            StatementSyntax[] moved = [.. block.Statements.Skip(from).Take(to - from)];
            if (moved.Length == 0 || IsNeededOutside(model, moved, attempt, block.Statements.Skip(to + 1)))
            {
                continue;
            }

            Replacing.Offer(context, diagnostic, "Move into the try", root =>
            {
                TryStatementSyntax wider = attempt.WithBlock(attempt.Block.WithStatements(attempt.Block.Statements.InsertRange(0, moved)))
                    .WithAdditionalAnnotations(Formatter.Annotation);
                SyntaxList<StatementSyntax> statements = block.Statements;
                for (int i = from; i < to; i++)
                {
                    statements = statements.RemoveAt(from);
                }

                return root.ReplaceNode(block, block.WithStatements(statements.Replace(statements[from], wider)));
            });
        }
    }

    // A local that is declared there and used behind the try, or in its handlers, would be out of scope.
    private static bool IsNeededOutside(
        SemanticModel model, StatementSyntax[] moved, TryStatementSyntax attempt, IEnumerable<StatementSyntax> rest)
    {
        HashSet<ISymbol> declared = new(SymbolEqualityComparer.Default);
        if (model.AnalyzeDataFlow(moved[0], moved[moved.Length - 1]) is not { Succeeded: true } flow)
        {
            return true;
        }

        declared.UnionWith(flow.VariablesDeclared);
        return rest.Cast<SyntaxNode>().Concat(attempt.Catches).Concat(attempt.Finally is { } last ? [last] : [])
            .SelectMany(static node => node.DescendantNodes()).OfType<IdentifierNameSyntax>()
            .Any(name => model.GetSymbolInfo(name).Symbol is { } symbol && declared.Contains(symbol));
    }
}
