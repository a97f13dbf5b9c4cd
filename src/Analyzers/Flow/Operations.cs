// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Flow;

/// <summary>Small questions about operations.</summary>
internal static class Operations
{
    /// <summary>What is left of an operation without casts and parentheses.</summary>
    public static IOperation Strip(IOperation operation)
    {
        while (true)
        {
            switch (operation)
            {
                case IConversionOperation { OperatorMethod: null } conversion: operation = conversion.Operand; break;
                // nint and IntPtr to a pointer and back.
                case IConversionOperation { OperatorMethod.ContainingType.SpecialType: SpecialType.System_IntPtr } conversion:
                    operation = conversion.Operand;
                    break;
                case IParenthesizedOperation parenthesized: operation = parenthesized.Operand; break;
                default: return operation;
            }
        }
    }

    /// <summary>What takes an operation's value, casts and parentheses apart.</summary>
    public static IOperation? Taker(IOperation operation)
    {
        IOperation? parent = operation.Parent;
        while (parent is IConversionOperation or IParenthesizedOperation)
        {
            parent = parent.Parent;
        }

        return parent;
    }

    /// <summary>The allocation that an operation is, casts apart; null when it is none. A reallocation to size 0 is a free.
    /// </summary>
    public static NativeMember? Allocation(IOperation operation)
        => Strip(operation) is IInvocationOperation invocation && Member(invocation) is { Allocates: true } member
            && !IsFreeOfSizeZero(invocation, member) ? member : null;

    /// <summary>The member that a call calls, tracked twins included.</summary>
    public static NativeMember? Member(IInvocationOperation invocation)
        => MemberTable.Find(invocation.TargetMethod, tracked: true);

    /// <summary>The local that a call frees; null when it frees none.</summary>
    public static ILocalSymbol? FreedLocal(IInvocationOperation invocation)
        => Member(invocation) is { Frees: true }
            && invocation.Arguments.FirstOrDefault(static argument => argument.Parameter?.Ordinal == 0) is { } argument
            && Strip(argument.Value) is ILocalReferenceOperation local ? local.Local : null;

    /// <summary>Whether a value is null or zero.</summary>
    public static bool IsNothing(IOperation value) => Strip(value) is var stripped
        && (stripped is IDefaultValueOperation
            || (stripped.ConstantValue is { HasValue: true } constant && constant.Value is null or 0 or 0L or 0u or 0ul)
            || stripped is IFieldReferenceOperation { Field: { Name: "Zero", ContainingType.SpecialType: SpecialType.System_IntPtr } });

    private static bool IsFreeOfSizeZero(IInvocationOperation invocation, NativeMember member) => member.Name == "ReAllocCoTaskMem"
        && invocation.Arguments.Any(static argument => argument.Parameter?.Ordinal == 1
            && argument.Value.ConstantValue is { HasValue: true, Value: 0 });
}
