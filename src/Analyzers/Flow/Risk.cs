// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace NativeLeak.Analyzers.Flow;

/// <summary>What a statement may do to a block whose pointer is in a local.</summary>
internal enum RiskKind
{
    /// <summary>Nothing that matters.</summary>
    None,

    /// <summary>It may throw.</summary>
    Throws,

    /// <summary>It may hand the block on, or go elsewhere: nothing more can be said.</summary>
    Unclear,
}

/// <summary>Judges statements between an allocation and its try.</summary>
internal static class Risk
{
    // Members that take a pointer and keep nothing of it.
    private static readonly HashSet<string> s_borrowing = ["Marshal", "NativeMemory", "Unsafe", "Buffer", "Span", "ReadOnlySpan", "MemoryMarshal"];

    /// <summary>The kind of a statement, and the operation that makes it so.</summary>
    /// <param name="statement">The statement.</param>
    /// <param name="block">The local that holds the pointer.</param>
    public static (RiskKind Kind, IOperation? Cause) Of(IOperation statement, ILocalSymbol block)
    {
        IOperation? throwing = null;
        foreach (IOperation operation in statement.DescendantsAndSelf())
        {
            switch (operation)
            {
                case IReturnOperation or IBranchOperation or ITryOperation or IAnonymousFunctionOperation or ILocalFunctionOperation:
                case ILocalReferenceOperation reference when IsBlock(reference, block) && !IsBorrowed(reference):
                    return (RiskKind.Unclear, operation);
                case IInvocationOperation call when Operations.Member(call) is not null || IsQuiet(call):
                    break;
                case IInvocationOperation or IAwaitOperation or IThrowOperation:
                case IObjectCreationOperation { Type.IsReferenceType: true, Arguments.Length: > 0 }:
                    throwing ??= operation;
                    break;
            }
        }

        return throwing is null ? (RiskKind.None, null) : (RiskKind.Throws, throwing);
    }

    private static bool IsBlock(ILocalReferenceOperation reference, ILocalSymbol block)
        => SymbolEqualityComparer.Default.Equals(reference.Local, block);

    // Compared, looked at through the pointer, or lent to a member that gives it back.
    private static bool IsBorrowed(IOperation reference)
    {
        IOperation child = reference;
        for (IOperation? parent = reference.Parent; parent is not null; (child, parent) = (parent, parent.Parent))
        {
            switch (parent)
            {
                case IConversionOperation or IParenthesizedOperation: break;
                case IBinaryOperation { OperatorKind: BinaryOperatorKind.Add or BinaryOperatorKind.Subtract }: break;
                case IBinaryOperation { Type.SpecialType: SpecialType.System_Boolean }: return true;
                case IArgumentOperation { Parent: IInvocationOperation call }: return s_borrowing.Contains(call.TargetMethod.ContainingType?.Name ?? "");
                case IArgumentOperation { Parent: IObjectCreationOperation creation }: return s_borrowing.Contains(creation.Type?.Name ?? "");
                // *p and p[i] have no operation of their own: the syntax tells them.
                default: return parent.Kind == OperationKind.None && IsDereference(parent.Syntax, child.Syntax);
            }
        }

        return false;
    }

    private static bool IsDereference(SyntaxNode syntax, SyntaxNode pointer) => syntax switch
    {
        Microsoft.CodeAnalysis.CSharp.Syntax.PrefixUnaryExpressionSyntax { RawKind: (int)Microsoft.CodeAnalysis.CSharp.SyntaxKind.PointerIndirectionExpression } => true,
        Microsoft.CodeAnalysis.CSharp.Syntax.ElementAccessExpressionSyntax element => element.Expression.Span.Contains(pointer.Span),
        _ => false,
    };

    // What throws for wrong arguments only, which a program that ran once does not have.
    private static bool IsQuiet(IInvocationOperation call)
        => call.TargetMethod.ContainingType is { Name: "Unsafe" or "Math" or "MathF" or "BitOperations" }
            || (call.TargetMethod.ContainingType?.Name == "NativeMemory" && call.TargetMethod.Name is "Clear" or "Fill" or "Copy")
            || (call.TargetMethod.ContainingType?.Name == "Marshal" && (call.TargetMethod.Name.StartsWith("Write", StringComparison.Ordinal)
                || call.TargetMethod.Name.StartsWith("Read", StringComparison.Ordinal) || call.TargetMethod.Name == "SizeOf"));
}
