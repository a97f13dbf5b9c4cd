// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: every member that allocates or frees native memory, with its family.
// Who calls it: the generator and all rules.
// The one idea: what is not in this table is neither intercepted nor judged; a test compares it with the tracked twins.
using Microsoft.CodeAnalysis;

namespace NativeLeak.Analyzers.Members;

/// <summary>The members of Marshal and NativeMemory that we know.</summary>
internal static class MemberTable
{
    /// <summary>Simple name of one class.</summary>
    public const string Marshal = "Marshal";

    /// <summary>Simple name of the other.</summary>
    public const string NativeMemory = "NativeMemory";

    private const string Namespace = "System.Runtime.InteropServices";

    private static readonly Dictionary<string, NativeMember> s_byKey = Build();

    /// <summary>All members, by <see cref="NativeMember.Key"/>.</summary>
    public static IReadOnlyDictionary<string, NativeMember> ByKey => s_byKey;

    /// <summary>Whether a member has this name: a first, cheap look.</summary>
    public static bool HasName(string name) => s_names.Contains(name);

    /// <summary>The member that a method is; null for all others. Members of TrackedMarshal and TrackedMemory count as their
    /// originals where <paramref name="tracked"/> says so.</summary>
    public static NativeMember? Find(IMethodSymbol method, bool tracked = false)
    {
        if (method.ContainingType is not { ContainingType: null } type || !HasName(method.Name))
        {
            return null;
        }

        string? original = type.Name switch
        {
            Marshal or NativeMemory when IsIn(type.ContainingNamespace, Namespace) => type.Name,
            "TrackedMarshal" when tracked && IsIn(type.ContainingNamespace, "NativeLeak") => Marshal,
            "TrackedMemory" when tracked && IsIn(type.ContainingNamespace, "NativeLeak") => NativeMemory,
            _ => null,
        };
        return original is not null && s_byKey.TryGetValue(KeyOf(original, method), out NativeMember? member) ? member : null;
    }

    private static readonly HashSet<string> s_names = [.. s_byKey.Values.Select(static member => member.Name)];

    private static bool IsIn(INamespaceSymbol symbol, string name) => symbol.ToDisplayString() == name;

    private static string KeyOf(string type, IMethodSymbol method)
        => type + "." + method.Name + "(" + string.Join(", ", method.Parameters.Select(static parameter
            => Word(parameter.Type) + " " + parameter.Name)) + ")";

    private static string Word(ITypeSymbol type) => type switch
    {
        IPointerTypeSymbol { PointedAtType.SpecialType: SpecialType.System_Void } => "void*",
        { SpecialType: SpecialType.System_IntPtr } => "nint",
        { SpecialType: SpecialType.System_UIntPtr } => "nuint",
        { SpecialType: SpecialType.System_Int32 } => "int",
        { SpecialType: SpecialType.System_String } => "string",
        _ => type.Name,
    };

    private static Dictionary<string, NativeMember> Build()
    {
        Dictionary<string, NativeMember> members = [];
        void Add(string type, string name, string parameters, HeapFamily family, bool allocates, bool frees)
        {
            NativeMember member = new(type, name, parameters, family, allocates, frees);
            members.Add(member.Key, member);
        }

        void Allocate(string name, string parameters, HeapFamily family) => Add(Marshal, name, parameters, family, true, false);
        void Free(string name, string parameter, HeapFamily family) => Add(Marshal, name, parameter, family, false, true);

        Allocate("AllocHGlobal", "int cb", HeapFamily.HGlobal);
        Allocate("AllocHGlobal", "nint cb", HeapFamily.HGlobal);
        Add(Marshal, "ReAllocHGlobal", "nint pv, nint cb", HeapFamily.HGlobal, true, true);
        Free("FreeHGlobal", "nint hglobal", HeapFamily.HGlobal);
        Allocate("AllocCoTaskMem", "int cb", HeapFamily.CoTaskMem);
        Add(Marshal, "ReAllocCoTaskMem", "nint pv, int cb", HeapFamily.CoTaskMem, true, true);
        Free("FreeCoTaskMem", "nint ptr", HeapFamily.CoTaskMem);
        foreach (string form in (string[])["Ansi", "Uni", "Auto"])
        {
            Allocate("StringToHGlobal" + form, "string s", HeapFamily.HGlobal);
            Allocate("StringToCoTaskMem" + form, "string s", HeapFamily.CoTaskMem);
        }

        Allocate("StringToCoTaskMemUTF8", "string s", HeapFamily.CoTaskMem);
        Allocate("StringToBSTR", "string s", HeapFamily.Bstr);
        Free("FreeBSTR", "nint ptr", HeapFamily.Bstr);
        Free("ZeroFreeBSTR", "nint s", HeapFamily.Bstr);
        foreach (string form in (string[])["Ansi", "Unicode"])
        {
            Allocate("SecureStringToCoTaskMem" + form, "SecureString s", HeapFamily.CoTaskMem);
            Allocate("SecureStringToGlobalAlloc" + form, "SecureString s", HeapFamily.HGlobal);
            Free("ZeroFreeCoTaskMem" + form, "nint s", HeapFamily.CoTaskMem);
            Free("ZeroFreeGlobalAlloc" + form, "nint s", HeapFamily.HGlobal);
        }

        Free("ZeroFreeCoTaskMemUTF8", "nint s", HeapFamily.CoTaskMem);
        Allocate("SecureStringToBSTR", "SecureString s", HeapFamily.Bstr);
        foreach (string name in (string[])["Alloc", "AllocZeroed"])
        {
            Add(NativeMemory, name, "nuint byteCount", HeapFamily.NativeMemory, true, false);
            Add(NativeMemory, name, "nuint elementCount, nuint elementSize", HeapFamily.NativeMemory, true, false);
        }

        Add(NativeMemory, "Realloc", "void* ptr, nuint byteCount", HeapFamily.NativeMemory, true, true);
        Add(NativeMemory, "Free", "void* ptr", HeapFamily.NativeMemory, false, true);
        Add(NativeMemory, "AlignedAlloc", "nuint byteCount, nuint alignment", HeapFamily.Aligned, true, false);
        Add(NativeMemory, "AlignedRealloc", "void* ptr, nuint byteCount, nuint alignment", HeapFamily.Aligned, true, true);
        Add(NativeMemory, "AlignedFree", "void* ptr", HeapFamily.Aligned, false, true);
        return members;
    }
}
