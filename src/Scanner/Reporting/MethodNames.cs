// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: names methods as the source names them: Namespace.Type.Method(ParamTypes).
// Who calls it: ReportBuilder, Fingerprint.
// The one idea: the compiler's made-up names have a grammar, <enclosing>kind__rest, and state machines are named by the
// method that starts them, which carries the machine's type in an attribute.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using NativeLeak.Naming;

namespace NativeLeak.Reporting;

/// <summary>Readable names of methods. Never throws.</summary>
internal static class MethodNames
{
    private const BindingFlags Declared = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
        | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The method as reports show it. A lambda is <c>Type.Method+lambda(…)</c>, a local function
    /// <c>Type.Method+Name(…)</c>, the body of an async or iterator method is the method itself.</summary>
    public static string Describe(MethodBase method)
    {
        try
        {
            return DescribeCore(method);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Metadata of foreign assemblies can be odd in many ways (missing references, obfuscators): the plain name
            // is still true.
            return method.Name;
        }
    }

    /// <summary>The method as the source has it, for the body of an async or iterator method: the one that starts it. Never
    /// throws.</summary>
    public static MethodBase SourceMethod(MethodBase method)
    {
        try
        {
            return method.Name == "MoveNext" && method.DeclaringType is { } type && CSharpTypeName.IsMadeUp(type)
                && FindStarter(type) is { } starter
                ? starter
                : method;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // As in Describe.
            return method;
        }
    }

    /// <summary>What tells two methods with the same description apart (two lambdas in one method), without counting
    /// the members around them: their number within the method.</summary>
    public static string LambdaOrdinal(MethodBase method)
    {
        string name = method.DeclaringType is { } type && method.Name == "MoveNext" ? type.Name : method.Name;
        int end = name.Length;
        while (end > 0 && char.IsAsciiDigit(name[end - 1]))
        {
            end--;
        }

        return name.StartsWith('<') ? name[end..] : string.Empty;
    }

    private static string DescribeCore(MethodBase method)
    {
        Type? type = method.DeclaringType;
        if (type is null)
        {
            return method.Name + Parameters(method);
        }

        if (method.Name == "MoveNext" && CSharpTypeName.IsMadeUp(type))
        {
            return FindStarter(type) is { } starter
                ? DescribeCore(starter)
                : Qualify(VisibleType(type), SourceName(type.Name)) + "()";
        }

        return Qualify(VisibleType(type), SourceName(method.Name)) + TypeParameters(method) + Parameters(method);
    }

    private static string Qualify(Type type, string name) => CSharpTypeName.Full(type) + "." + name;

    // The innermost type that is written in source.
    private static Type VisibleType(Type type)
    {
        while (CSharpTypeName.IsMadeUp(type) && type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = Trimmed.Names)]
    private static MethodInfo? FindStarter(Type stateMachine)
    {
        foreach (MethodInfo candidate in stateMachine.DeclaringType?.GetMethods(Declared) ?? [])
        {
            Type? machine = candidate.GetCustomAttribute<StateMachineAttribute>(inherit: false)?.StateMachineType;
            if (machine is not null && machine.Module == stateMachine.Module
                && machine.MetadataToken == stateMachine.MetadataToken)
            {
                return candidate;
            }
        }

        return null;
    }

    // <Outer>b__0_1 → Outer+lambda; <Outer>g__Local|0_1 → Outer+Local; <Outer>d__3 → Outer; <Main>$ → Main.
    private static string SourceName(string name)
    {
        int close = MatchingBracket(name);
        if (close < 0)
        {
            return name;
        }

        string outer = SourceName(name[1..close]);
        string rest = name[(close + 1)..];
        int bar = rest.IndexOf('|', StringComparison.Ordinal);
        return rest switch
        {
            ['b', '_', '_', ..] => outer + "+lambda",
            ['g', '_', '_', ..] when bar > 3 => outer + "+" + rest[3..bar],
            ['d', ..] or ['$', ..] => outer,
            _ => name,
        };
    }

    private static int MatchingBracket(string name)
    {
        int depth = 0;
        for (int i = 0; i < name.Length && (i > 0 || name[i] == '<'); i++)
        {
            depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
            if (depth == 0)
            {
                return i;
            }
        }

        return -1;
    }

    private static string TypeParameters(MethodBase method)
    {
        Type[] arguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        return arguments.Length == 0 ? string.Empty
            : "<" + string.Join(", ", arguments.Select(CSharpTypeName.Short)) + ">";
    }

    // A local function gets its captured variables in made-up structs: not in source, not shown.
    private static string Parameters(MethodBase method) => "(" + string.Join(", ", method.GetParameters()
        .Where(static parameter => !CSharpTypeName.IsMadeUp(Innermost(parameter.ParameterType)))
        .Select(CSharpTypeName.Parameter)) + ")";

    private static Type Innermost(Type type) => type.HasElementType ? Innermost(type.GetElementType()!) : type;
}
