// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Text;

namespace NativeLeak.Reporting;

/// <summary>Writes types as C# source writes them: keywords, generics with their arguments, arrays, pointers, nested
/// types.</summary>
internal static class CSharpTypeName
{
    private static readonly Dictionary<Type, string> s_keywords = new()
    {
        [typeof(bool)] = "bool", [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(char)] = "char",
        [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int", [typeof(uint)] = "uint",
        [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(nint)] = "nint", [typeof(nuint)] = "nuint",
        [typeof(float)] = "float", [typeof(double)] = "double", [typeof(decimal)] = "decimal",
        [typeof(string)] = "string", [typeof(object)] = "object", [typeof(void)] = "void",
    };

    /// <summary>The type as a parameter list shows it: without its namespace.</summary>
    public static string Short(Type type)
    {
        if (s_keywords.TryGetValue(type, out string? keyword))
        {
            return keyword;
        }

        if (type.HasElementType)
        {
            string element = Short(type.GetElementType()!);
            return type.IsByRef ? "ref " + element
                : type.IsPointer ? element + "*"
                : type.IsSZArray ? element + "[]"
                : element + "[" + new string(',', type.GetArrayRank() - 1) + "]";
        }

        if (type.IsFunctionPointer)
        {
            IEnumerable<Type> signature =
                [.. type.GetFunctionPointerParameterTypes(), type.GetFunctionPointerReturnType()];
            return "delegate*<" + string.Join(", ", signature.Select(Short)) + ">";
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Short(underlying) + "?";
        }

        if (type.IsGenericType && type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true)
        {
            return "(" + string.Join(", ", type.GetGenericArguments().Select(Short)) + ")";
        }

        return type.IsGenericParameter ? type.Name : Path(type);
    }

    /// <summary>The type as the start of a method's name: with its namespace.</summary>
    public static string Full(Type type)
        => string.IsNullOrEmpty(type.Namespace) ? Path(type) : type.Namespace + "." + Path(type);

    /// <summary>A parameter as source shows it: ref, in and out told apart.</summary>
    public static string Parameter(ParameterInfo parameter)
    {
        Type type = parameter.ParameterType;
        if (!type.IsByRef)
        {
            return Short(type);
        }

        string word = parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref ";
        return word + Short(type.GetElementType()!);
    }

    /// <summary>Whether the compiler made the type up (closures, state machines): source does not show it.</summary>
    public static bool IsMadeUp(Type type) => type.Name.StartsWith('<') && FileLocalName(type.Name) is null;

    // Outer<T>.Inner<U>: reflection gives the inner type the arguments of both.
    private static string Path(Type type)
    {
        Type[] arguments = type.GetGenericArguments();
        List<Type> chain = [];
        for (Type? current = type; current is not null; current = current.DeclaringType)
        {
            chain.Insert(0, current);
        }

        StringBuilder text = new();
        int used = 0;
        foreach (Type part in chain)
        {
            int count = part.IsGenericType ? part.GetGenericArguments().Length : 0;
            int end = Math.Min(count, arguments.Length);
            if (!IsMadeUp(part) || chain.Count == 1)
            {
                string name = FileLocalName(part.Name) ?? part.Name;
                int tick = name.IndexOf('`', StringComparison.Ordinal);
                text.Append(text.Length > 0 ? "." : string.Empty).Append(tick < 0 ? name : name[..tick]);
                if (end > used)
                {
                    text.Append('<').AppendJoin(", ", arguments[used..end].Select(Short)).Append('>');
                }
            }

            used = Math.Max(used, end);
        }

        return text.ToString();
    }

    // file class Foo is named <File>F0123…__Foo.
    private static string? FileLocalName(string name)
    {
        int close = name.IndexOf(">F", StringComparison.Ordinal);
        int mark = close < 0 ? -1 : name.IndexOf("__", close, StringComparison.Ordinal);
        return name.StartsWith('<') && mark > 0 ? name[(mark + 2)..] : null;
    }
}
