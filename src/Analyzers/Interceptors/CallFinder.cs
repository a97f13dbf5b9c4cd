// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds the calls that can be intercepted.
// Who calls it: the generator, for each syntax node.
// The one idea: what the compiler would refuse to intercept is left alone, so that a build never fails because of us.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Interceptors;

/// <summary>From syntax to <see cref="InterceptedCall"/>.</summary>
internal static class CallFinder
{
    /// <summary>Whether a node may be such a call, by its name alone.</summary>
    public static bool IsCandidate(SyntaxNode node)
        => node is InvocationExpressionSyntax invocation && NameOf(invocation) is { } name
            && MemberTable.HasName(name.Identifier.ValueText);

    /// <summary>The call; null when it is none of ours, or out of reach.</summary>
    public static InterceptedCall? Find(GeneratorSyntaxContext context, CancellationToken cancellation)
    {
        InvocationExpressionSyntax invocation = (InvocationExpressionSyntax)context.Node;
        SemanticModel model = context.SemanticModel;
        if (model.GetOperation(invocation, cancellation) is not IInvocationOperation operation
            || MemberTable.Find(operation.TargetMethod) is not { } member
            || IsInExpressionTree(operation)
            || model.GetInterceptableLocation(invocation, cancellation) is not { } location)
        {
            return null;
        }

        SyntaxToken name = NameOf(invocation)!.Identifier;
        FileLinePositionSpan span = name.GetLocation().GetMappedLineSpan();
        string file = span.HasMappedPath ? span.Path
            : model.Compilation.Options.SourceReferenceResolver?.NormalizePath(invocation.SyntaxTree.FilePath, null)
                ?? invocation.SyntaxTree.FilePath;
        return new InterceptedCall(
            member.Key, location.Version, location.Data, location.GetDisplayLocation(), file,
            span.StartLinePosition.Line + 1, name.SpanStart,
            CallerName.Of(model.GetEnclosingSymbol(invocation.SpanStart, cancellation)));
    }

    private static SimpleNameSyntax? NameOf(InvocationExpressionSyntax invocation) => invocation.Expression switch
    {
        MemberAccessExpressionSyntax access => access.Name,
        SimpleNameSyntax name => name,
        _ => null,
    };

    // What is not run but described must describe the original.
    private static bool IsInExpressionTree(IOperation operation)
    {
        for (IOperation? parent = operation.Parent; parent is not null; parent = parent.Parent)
        {
            if (parent is IConversionOperation { Operand: IAnonymousFunctionOperation, Type: INamedTypeSymbol { Name: "Expression" } }
                || (parent is IAnonymousFunctionOperation && parent.Parent is IConversionOperation
                    { Type: INamedTypeSymbol { Name: "Expression", ContainingNamespace.Name: "Expressions" } }))
            {
                return true;
            }
        }

        return false;
    }
}
