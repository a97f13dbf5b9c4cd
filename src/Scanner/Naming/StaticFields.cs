// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from the address of a word to the static field it is: "Ingest.s_current".
// Who calls it: HolderText, for holders outside of objects and for elements of the runtime's arrays of static references.
// The one idea: a static field lies at the base of its type plus the offset in its FieldDesc; both are the runtime's word,
// believed only after fields of our own were found where references to them say they lie (StaticFieldProof).
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace NativeLeak.Naming;

/// <summary>Names of static fields. One per report; not thread-safe; never throws, never runs code of the application.</summary>
/// <remarks>Fields of generic types and thread statics have no name: they are in no module's map of types.</remarks>
internal sealed class StaticFields
{
    /// <summary>Every static field that a type declares itself.</summary>
    public const BindingFlags OwnFields =
        BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    // The fields of one type take less; a type without a field here may have the same base as another.
    private const ulong LongestStaticsByteCount = 64 << 10;
    private const int CandidateCount = 16;

    private static readonly Lazy<StaticsLayout?> s_layout = new(static () =>
        FieldLayout.IsVerified && StaticsLayout.TryRead() is { } layout && StaticFieldProof.Holds(layout) ? layout : null);

    private StaticBases? _bases;

    /// <summary>Whether static fields can be named here: decided once per process.</summary>
    public static bool CanName => s_layout.Value is not null;

    /// <summary>The static field that has the word at an address; null when none is known to.</summary>
    /// <param name="address">Any number. For references it must lie in one of the runtime's arrays, which never move.</param>
    /// <param name="isReference">Whether the word is a reference to an object.</param>
    public string? Describe(nuint address, bool isReference)
    {
        if (s_layout.Value is not { } layout)
        {
            return null;
        }

        try
        {
            _bases ??= new StaticBases(layout);
            return Find(isReference ? _bases.References : _bases.Values, address, isReference);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Reflection fails for types whose own parts cannot be loaded; the address is then all there is to say.
            return null;
        }
    }

    /// <summary>As <see cref="Describe"/>, from bases that were collected already.</summary>
    internal static string? Find(IReadOnlyList<StaticBase> bases, ulong address, bool isReference)
    {
        int low = 0, high = bases.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = bases[middle].Start <= address ? (middle + 1, high) : (low, middle);
        }

        for (int i = low - 1; i >= 0 && low - i <= CandidateCount && address - bases[i].Start < LongestStaticsByteCount; i--)
        {
            if (MethodTables.TryGetType(bases[i].MethodTable, out _) is { } type
                && FieldAt(type, address - bases[i].Start, isReference) is { } field)
            {
                return HolderNames.OfType(type) + "." + HolderNames.OfField(field);
            }
        }

        return null;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = Trimmed.Names)]
    private static string? FieldAt(Type type, ulong offset, bool isReference)
    {
        foreach (FieldInfo field in type.GetFields(OwnFields))
        {
            // Constants and data in the image lie elsewhere, thread statics too; their offsets mean something else.
            if (!field.IsLiteral && (field.Attributes & FieldAttributes.HasFieldRVA) == 0
                && FieldLayout.TryRead(field, out uint start, out ElementKind kind)
                && IsReference(kind) == isReference && unchecked(offset - start) < ByteCountOf(kind)
                && !field.IsDefined(typeof(ThreadStaticAttribute), inherit: false))
            {
                return field.Name;
            }
        }

        return null;
    }

    // A struct's static is a box: a reference as well.
    private static bool IsReference(ElementKind kind) => kind is ElementKind.Class or ElementKind.Struct;

    // What lies right behind a field may be another type's, of which nothing is known here.
    private static ulong ByteCountOf(ElementKind kind) => kind switch
    {
        ElementKind.Boolean or ElementKind.SignedByte or ElementKind.Byte => 1,
        ElementKind.Char or ElementKind.Short or ElementKind.UnsignedShort => 2,
        ElementKind.Int or ElementKind.UnsignedInt or ElementKind.Float => 4,
        _ => 8,
    };
}
