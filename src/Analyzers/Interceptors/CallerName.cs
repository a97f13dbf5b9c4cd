// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: names the method a call stands in as reports name methods: Namespace.Type.Method(ParamTypes).
// Who calls it: the generator.
// The one idea: the same rules as the detector's own names, which come from metadata; this one comes from source.
using Microsoft.CodeAnalysis;

namespace NativeLeak.Analyzers.Interceptors;

/// <summary>Names of methods.</summary>
internal static class CallerName
{
    private static readonly SymbolDisplayFormat s_type = new(
        typeQualificationStyle: SymbolDisplayTypeQualificationStyle.NameAndContainingTypes,
        genericsOptions: SymbolDisplayGenericsOptions.IncludeTypeParameters,
        miscellaneousOptions: SymbolDisplayMiscellaneousOptions.UseSpecialTypes);

    private static readonly SymbolDisplayFormat s_fullType = new(
        globalNamespaceStyle: SymbolDisplayGlobalNamespaceStyle.Omitted,
        typeQualificationStyle: SymbolDisplayTypeQualificationStyle.NameAndContainingTypesAndNamespaces,
        genericsOptions: SymbolDisplayGenericsOptions.IncludeTypeParameters);

    /// <summary>The name of what encloses a call.</summary>
    public static string Of(ISymbol? enclosing) => enclosing switch
    {
        IMethodSymbol method => NameOf(method) + Parameters(method),
        // An initializer runs in a constructor.
        { ContainingType: { } type } => type.ToDisplayString(s_fullType) + (enclosing.IsStatic ? "..cctor()" : "..ctor()"),
        _ => "(unknown)",
    };

    private static string NameOf(IMethodSymbol method)
    {
        if (method.MethodKind is MethodKind.AnonymousFunction or MethodKind.LocalFunction)
        {
            string outer = method.ContainingSymbol is IMethodSymbol containing
                ? NameOf(containing)
                : Of(method.ContainingSymbol).Replace("()", string.Empty);
            return outer + "+" + (method.MethodKind == MethodKind.AnonymousFunction ? "lambda" : method.Name);
        }

        string name = method.MetadataName is "<Main>$" ? "Main" : method.MetadataName;
        return method.ContainingType.ToDisplayString(s_fullType) + "." + name
            + (method.TypeParameters.Length == 0 ? string.Empty
                : "<" + string.Join(", ", method.TypeParameters.Select(static parameter => parameter.Name)) + ">");
    }

    private static string Parameters(IMethodSymbol method)
        => "(" + string.Join(", ", method.Parameters.Select(static parameter => parameter.RefKind switch
        {
            RefKind.None => string.Empty,
            RefKind.Out => "out ",
            RefKind.In => "in ",
            _ => "ref ",
        } + parameter.Type.ToDisplayString(s_type))) + ")";
}
