// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace NativeLeak.Analyzers.CodeFixes;

/// <summary>NL0001: names the tracked twin instead.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(TrackedTwinFix)), Shared]
public sealed class TrackedTwinFix : CodeFixProvider
{
    /// <summary>The rules it is for.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = ["NL0001"];

    /// <summary>All of a project at once.</summary>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <summary>Offers the fix.</summary>
    /// <param name="context">What is to be fixed.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            SyntaxNode node = await Replacing.NodeAsync(context, diagnostic.Location).ConfigureAwait(false);
            SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
            ExpressionSyntax? expression = node switch
            {
                MemberAccessExpressionSyntax access => access,
                IdentifierNameSyntax name => name.Parent as MemberAccessExpressionSyntax ?? (ExpressionSyntax)name,
                _ => node.DescendantNodesAndSelf().OfType<MemberAccessExpressionSyntax>().FirstOrDefault(),
            };
            if (expression is null || model?.GetSymbolInfo(expression, context.CancellationToken) is not { } info
                || (info.Symbol ?? info.CandidateSymbols.FirstOrDefault()) is not IMethodSymbol method)
            {
                continue;
            }

            string twin = method.ContainingType.Name == "Marshal" ? "TrackedMarshal" : "TrackedMemory";
            Replacing.Offer(context, diagnostic, $"Use {twin}.{method.Name}", root => root.ReplaceNode(
                expression, Replacing.Member($"NativeLeak.{twin}.{method.Name}").WithTriviaFrom(expression)));
        }
    }
}
