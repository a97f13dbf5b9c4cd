// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads the IL of a method from an offset on and finds the calls of the statement there.
// Who calls it: AllocatorNames.
// The one idea: the offset a stack trace gives is the start of a statement or of the call itself, so the call that is
// meant comes at or after it, and before the statement ends: before a call's result is stored, dropped or branched on.
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Emit;
using NativeLeak.Naming;

namespace NativeLeak.Reporting;

/// <summary>Decodes IL just far enough to name a called method. Never throws.</summary>
internal static class CallSite
{
    private static readonly Dictionary<int, OpCode> s_opcodes = BuildOpcodes();

    /// <summary>The methods that the statement at <paramref name="offset"/> calls, in order.</summary>
    public static IReadOnlyList<MethodBase> CallsOfStatement(MethodBase method, int offset)
        => FindCalls(method, offset, untilStatementEnds: true, int.MaxValue);

    /// <summary>The methods that a method calls anywhere, in order; none when its code is longer than
    /// <paramref name="maximumByteCount"/>.</summary>
    public static IReadOnlyList<MethodBase> CallsOfBody(MethodBase method, int maximumByteCount)
        => FindCalls(method, 0, untilStatementEnds: false, maximumByteCount);

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Trimmed.Names)]
    private static List<MethodBase> FindCalls(
        MethodBase method, int offset, bool untilStatementEnds, int maximumByteCount)
    {
        List<MethodBase> calls = [];
        try
        {
            if (method.GetMethodBody()?.GetILAsByteArray() is { } il && il.Length <= maximumByteCount)
            {
                Search(method, il, offset, untilStatementEnds, calls);
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Abstract and dynamic methods have no body to read; what was found until then still stands.
        }

        return calls;
    }

    private static void Search(
        MethodBase method, byte[] il, int offset, bool untilStatementEnds, List<MethodBase> calls)
    {
        bool hasCalled = false;
        while (offset >= 0 && offset < il.Length && TryRead(il, ref offset, out OpCode opcode))
        {
            if (opcode.OperandType == OperandType.InlineMethod && offset + 4 <= il.Length)
            {
                hasCalled = true;
                MethodBase? called = Resolve(method, BinaryPrimitives.ReadInt32LittleEndian(il.AsSpan(offset)));
                if (called is not null)
                {
                    calls.Add(called);
                }

                if (untilStatementEnds && called is MethodInfo { ReturnType: { } type } && type == typeof(void))
                {
                    return;
                }
            }
            else if (untilStatementEnds && EndsStatement(opcode, hasCalled))
            {
                return;
            }

            offset += OperandByteCount(opcode.OperandType, il, offset);
        }
    }

    private static bool TryRead(byte[] il, ref int offset, out OpCode opcode)
    {
        int value = il[offset++];
        if (value == 0xFE && offset < il.Length)
        {
            value = 0xFE00 | il[offset++];
        }

        return s_opcodes.TryGetValue(value, out opcode);
    }

    // What takes from the stack and puts nothing back: stores, pop, branches.
    private static bool EndsStatement(OpCode opcode, bool hasCalled)
        => opcode.FlowControl is FlowControl.Return or FlowControl.Throw or FlowControl.Branch
            || (hasCalled && opcode.StackBehaviourPush == StackBehaviour.Push0
                && opcode.StackBehaviourPop != StackBehaviour.Pop0);

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Trimmed.Names)]
    private static MethodBase? Resolve(MethodBase method, int token)
    {
        Type? type = method.DeclaringType;
        Type[]? typeArguments = type is { IsGenericType: true } ? type.GetGenericArguments() : null;
        Type[]? methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        try
        {
            return method.Module.ResolveMethod(token, typeArguments, methodArguments);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // One call that cannot be resolved (a missing assembly) says nothing about the next.
            return null;
        }
    }

    private static int OperandByteCount(OperandType type, byte[] il, int offset) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch when offset + 4 <= il.Length
            => 4 + (4 * Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(il.AsSpan(offset)))),
        _ => 4,
    };

    private static Dictionary<int, OpCode> BuildOpcodes()
    {
        Dictionary<int, OpCode> result = [];
        foreach (FieldInfo field in typeof(OpCodes).GetFields(BindingFlags.Static | BindingFlags.Public))
        {
            if (field.GetValue(null) is OpCode opcode)
            {
                result[(ushort)opcode.Value] = opcode;
            }
        }

        return result;
    }
}
