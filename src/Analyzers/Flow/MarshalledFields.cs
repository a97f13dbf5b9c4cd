// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis;

namespace NativeLeak.Analyzers.Flow;

/// <summary>Which fields of a structure make StructureToPtr allocate.</summary>
internal static class MarshalledFields
{
    // System.Runtime.InteropServices.UnmanagedType
    private const int ByValTStr = 0x17;
    private const int ByValArray = 0x1e;
    private const int MaximumDepth = 8;

    /// <summary>A field for which memory of its own is allocated, as a path; null when there is none.</summary>
    public static string? FindOwning(ITypeSymbol type, int depth = 0)
    {
        if (depth > MaximumDepth || type is not INamedTypeSymbol { IsValueType: true } || type.SpecialType != SpecialType.None)
        {
            return null;
        }

        foreach (IFieldSymbol field in type.GetMembers().OfType<IFieldSymbol>().Where(static field => !field.IsStatic && !field.IsConst))
        {
            string? owning = field.Type switch
            {
                { SpecialType: SpecialType.System_String } => UnmanagedTypeOf(field) == ByValTStr ? null : string.Empty,
                IArrayTypeSymbol array => UnmanagedTypeOf(field) == ByValArray
                    ? FindOwning(array.ElementType, depth + 1) ?? (array.ElementType.SpecialType == SpecialType.System_String ? string.Empty : null)
                    : string.Empty,
                { IsValueType: true } inner => FindOwning(inner, depth + 1) is { } path ? "." + path : null,
                _ => null,
            };
            if (owning is not null)
            {
                return (field.AssociatedSymbol?.Name ?? field.Name) + owning;
            }
        }

        return null;
    }

    private static int? UnmanagedTypeOf(IFieldSymbol field)
    {
        foreach (AttributeData attribute in field.GetAttributes())
        {
            if (attribute.AttributeClass?.Name == "MarshalAsAttribute" && attribute.ConstructorArguments.Length == 1)
            {
                return attribute.ConstructorArguments[0].Value switch { int number => number, short number => number, _ => null };
            }
        }

        return null;
    }
}
