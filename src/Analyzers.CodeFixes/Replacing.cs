// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Simplification;

namespace NativeLeak.Analyzers.CodeFixes;

/// <summary>What the fixes have in common.</summary>
internal static class Replacing
{
    /// <summary>A member by its full name, which the editor shortens where the file allows it.</summary>
    public static ExpressionSyntax Member(string qualified) => SyntaxFactory.ParseExpression("global::" + qualified)
        .WithAdditionalAnnotations(Simplifier.Annotation, Simplifier.AddImportsAnnotation);

    /// <summary>The full name of a member of Marshal or NativeMemory.</summary>
    public static string Qualify(string member) => "System.Runtime.InteropServices." + member;

    /// <summary>Offers a change of the document's syntax.</summary>
    public static void Offer(
        CodeFixContext context, Diagnostic diagnostic, string title, Func<SyntaxNode, SyntaxNode> change)
        => context.RegisterCodeFix(
            CodeAction.Create(
                title,
                async cancellation =>
                {
                    SyntaxNode root = (await context.Document.GetSyntaxRootAsync(cancellation).ConfigureAwait(false))!;
                    return context.Document.WithSyntaxRoot(change(root));
                },
                equivalenceKey: title),
            diagnostic);

    /// <summary>The node that a diagnostic is about.</summary>
    public static async Task<SyntaxNode> NodeAsync(CodeFixContext context, Location location)
    {
        SyntaxNode root = (await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false))!;
        return root.FindNode(location.SourceSpan, getInnermostNodeForTie: true);
    }

    /// <summary>The statement in a list of statements that a node stands in; null where it stands in none.</summary>
    public static StatementSyntax? StatementOf(SyntaxNode node)
        => node.FirstAncestorOrSelf<StatementSyntax>() is { } statement
            && statement.Parent is BlockSyntax or SwitchSectionSyntax or GlobalStatementSyntax ? statement : null;

    /// <summary>The root with a statement in front of another.</summary>
    public static SyntaxNode InsertBefore(SyntaxNode root, StatementSyntax statement, string code)
    {
        StatementSyntax added = SyntaxFactory.ParseStatement(code)
            .WithLeadingTrivia(statement.GetLeadingTrivia())
            .WithTrailingTrivia(SyntaxFactory.ElasticLineFeed)
            .WithAdditionalAnnotations(Microsoft.CodeAnalysis.Formatting.Formatter.Annotation, Simplifier.Annotation);
        return statement.Parent is GlobalStatementSyntax global
            ? root.InsertNodesBefore(global, [SyntaxFactory.GlobalStatement(added)])
            : root.InsertNodesBefore(statement, [added]);
    }
}
