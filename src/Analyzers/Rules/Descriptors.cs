// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis;

namespace NativeLeak.Analyzers.Rules;

/// <summary>The rules, as users see them. A page each in docs/analyzers.</summary>
internal static class Descriptors
{
    /// <summary>A call that interceptors cannot reach.</summary>
    public static readonly DiagnosticDescriptor Unreachable = new(
        "NL0001", "A call through a delegate or function pointer is not intercepted",
        "'{0}' is called through a delegate or function pointer here, which NativeLeak's interceptors cannot reach",
        Category, DiagnosticSeverity.Info, isEnabledByDefault: true,
        "Where no runtime hook is in place, blocks of this call are not recorded. '{0}' of TrackedMarshal or TrackedMemory is.",
        Page + "NL0001.md");

    /// <summary>An allocation whose result is lost.</summary>
    public static readonly DiagnosticDescriptor LostResult = new(
        "NL0002", "The result of an allocation is lost in the method",
        "The block of '{0}' is lost: {1}",
        Category, DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "Nothing reads the pointer that the allocation returned, so nothing can free the block.",
        Page + "NL0002.md");

    /// <summary>A free of the wrong family.</summary>
    public static readonly DiagnosticDescriptor WrongFree = new(
        "NL0003", "Freed by a member of another family",
        "A block of '{0}' is freed by '{1}'; its own is '{2}'",
        Category, DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "The families share one heap on Linux and macOS; on Windows this corrupts the heap.",
        Page + "NL0003.md");

    /// <summary>Something may throw between an allocation and its try.</summary>
    public static readonly DiagnosticDescriptor Unprotected = new(
        "NL0004", "An exception between allocation and try leaves the block behind",
        "The block of '{0}' is freed in a finally block that begins too late: '{1}' before it may throw",
        Category, DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "What may throw between the allocation and the try whose finally block frees belongs into that try.",
        Page + "NL0004.md");

    /// <summary>StructureToPtr without DestroyStructure.</summary>
    public static readonly DiagnosticDescriptor Undestroyed = new(
        "NL0005", "StructureToPtr of references without DestroyStructure",
        "'{0}' has the field '{1}', for which StructureToPtr allocates memory of its own; nothing calls DestroyStructure for it",
        Category, DiagnosticSeverity.Warning, isEnabledByDefault: true,
        "Freeing the block that the structure was written to does not free what its fields point to.",
        Page + "NL0005.md");

    private const string Category = "NativeLeak";

    // Relative to the repository and to the package, which both carry the pages.
    private const string Page = "docs/analyzers/";
}
