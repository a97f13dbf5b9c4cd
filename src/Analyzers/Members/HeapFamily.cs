// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Analyzers.Members;

/// <summary>Which free belongs to which allocation.</summary>
internal enum HeapFamily
{
    /// <summary>Marshal.AllocHGlobal and strings of it; FreeHGlobal.</summary>
    HGlobal,

    /// <summary>Marshal.AllocCoTaskMem and strings of it; FreeCoTaskMem.</summary>
    CoTaskMem,

    /// <summary>Marshal.StringToBSTR; FreeBSTR.</summary>
    Bstr,

    /// <summary>NativeMemory.Alloc; Free.</summary>
    NativeMemory,

    /// <summary>NativeMemory.AlignedAlloc; AlignedFree.</summary>
    Aligned,
}
