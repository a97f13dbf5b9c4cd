// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NativeLeak.Analyzers.Rules;

namespace NativeLeak.Analyzers.CodeFixes;

/// <summary>NL0003: frees by the block's own family.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(WrongFreeFix)), Shared]
public sealed class WrongFreeFix : CodeFixProvider
{
    // Others do more than free, or free something else.
    private static readonly string[] s_plain = ["FreeHGlobal", "FreeCoTaskMem", "FreeBSTR", "Free", "AlignedFree"];

    /// <summary>The rules it is for.</summary>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = ["NL0003"];

    /// <summary>All of a project at once.</summary>
    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <summary>Offers the fix.</summary>
    /// <param name="context">What is to be fixed.</param>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            SyntaxNode node = await Replacing.NodeAsync(context, diagnostic.Location).ConfigureAwait(false);
            if (node is not InvocationExpressionSyntax { ArgumentList.Arguments.Count: 1 } call
                || !diagnostic.Properties.TryGetValue(LostResultAnalyzer.FreeProperty, out string? free)
                || !s_plain.Contains(NameOf(call)))
            {
                continue;
            }

            SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
            ExpressionSyntax argument = call.ArgumentList.Arguments[0].Expression;
            if (argument is CastExpressionSyntax cast)
            {
                argument = cast.Expression;
            }

            bool isPointer = model?.GetTypeInfo(argument, context.CancellationToken).Type is IPointerTypeSymbol;
            bool takesPointer = free!.StartsWith("NativeMemory.", StringComparison.Ordinal);
            ExpressionSyntax passed = isPointer == takesPointer ? argument.WithoutTrivia()
                : SyntaxFactory.ParseExpression((takesPointer ? "(void*)" : "(nint)") + argument.WithoutTrivia().ToFullString());
            InvocationExpressionSyntax replaced = SyntaxFactory.InvocationExpression(
                Replacing.Member(Replacing.Qualify(free)),
                SyntaxFactory.ArgumentList(SyntaxFactory.SingletonSeparatedList(SyntaxFactory.Argument(passed))));
            Replacing.Offer(context, diagnostic, $"Free by {free}", root => root.ReplaceNode(call, replaced.WithTriviaFrom(call)));
        }
    }

    private static string NameOf(InvocationExpressionSyntax call) => call.Expression switch
    {
        MemberAccessExpressionSyntax access => access.Name.Identifier.ValueText,
        SimpleNameSyntax name => name.Identifier.ValueText,
        _ => string.Empty,
    };
}
