// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Analyzers.Members;

/// <summary>The plain free of each family.</summary>
internal static class FreeNames
{
    /// <summary>Its class.</summary>
    public static string TypeOf(HeapFamily family)
        => family is HeapFamily.NativeMemory or HeapFamily.Aligned ? MemberTable.NativeMemory : MemberTable.Marshal;

    /// <summary>Its name.</summary>
    public static string NameOf(HeapFamily family) => family switch
    {
        HeapFamily.HGlobal => "FreeHGlobal",
        HeapFamily.CoTaskMem => "FreeCoTaskMem",
        HeapFamily.Bstr => "FreeBSTR",
        HeapFamily.NativeMemory => "Free",
        _ => "AlignedFree",
    };

    /// <summary>As people write it.</summary>
    public static string Of(HeapFamily family) => TypeOf(family) + "." + NameOf(family);
}
