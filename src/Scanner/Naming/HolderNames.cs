// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.CodeAnalysis;
using NativeLeak.Reporting;

namespace NativeLeak.Naming;

/// <summary>Names of holders as their authors would say them: compilers make up types and fields of their own.</summary>
internal static class HolderNames
{
    /// <summary>
    /// The type with its namespace; closures and state machines by the method or type they were made for
    /// (<c>Ingest.Load+closure</c>, <c>Ingest.LoadAsync+state machine</c>).
    /// </summary>
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = Trimmed.Names)]
    public static string OfType(Type type)
    {
        if (type.IsArray)
        {
            Type element = type.GetElementType()!;
            return OfType(element) + "[" + new string(',', type.GetArrayRank() - 1) + "]";
        }

        // AsyncStateMachineBox<TStateMachine> and its like: the box says nothing, what is in it does.
        if (type.IsGenericType && type.Name.StartsWith("AsyncStateMachineBox", StringComparison.Ordinal))
        {
            return OfType(type.GetGenericArguments()[^1]);
        }

        if (!CSharpTypeName.IsMadeUp(type) || type.DeclaringType is not { } outer)
        {
            bool isKeyword = type.IsPrimitive || type == typeof(string) || type == typeof(object) || type == typeof(decimal);
            return isKeyword ? CSharpTypeName.Short(type) : CSharpTypeName.Full(type);
        }

        string method = MethodIn(type.Name);
        if (method.Length == 0)
        {
            // A closure is <>c__DisplayClass3_0; its lambdas are <Load>b__0.
            method = type.GetMethods(FieldLayout.OwnFields).Select(static lambda => MethodIn(lambda.Name))
                .FirstOrDefault(static name => name.Length > 0, string.Empty);
        }

        string what = type.Name.Contains(">d", StringComparison.Ordinal) ? "+state machine"
            : type.Name.Contains("DisplayClass", StringComparison.Ordinal) ? "+closure"
            : type.Name == "<>c" ? "+lambdas" : string.Empty;
        return OfType(outer) + (type.Name == "<>c" || method.Length == 0 ? string.Empty : "." + method) + what;
    }

    // <Load>d__4 was made for Load.
    private static string MethodIn(string name)
    {
        int close = name.StartsWith('<') ? name.IndexOf('>', StringComparison.Ordinal) : -1;
        return close > 1 ? name[1..close] : string.Empty;
    }

    /// <summary>A field, or the property, variable or <c>this</c> it was made for.</summary>
    public static string OfField(string name)
    {
        // <Name>k__BackingField, <row>5__2; <>4__this.
        string source = MethodIn(name);
        bool isThis = name.StartsWith("<>", StringComparison.Ordinal) && name.EndsWith("__this", StringComparison.Ordinal);
        return source.Length > 0 ? source : isThis ? "this" : name;
    }
}
