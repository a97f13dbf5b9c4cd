// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which APIs belong together: what one allocates the others of its family may free.
// Who calls it: FreePairs when a free is seen for the first time; the report, which knows names instead of numbers.
// The one idea: the families are those of Windows, where each has a heap or a header of its own; that they share malloc
// here is what hides the mistake.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Families of allocating and freeing APIs; a set where several are possible.</summary>
[Flags]
internal enum HeapFamily : byte
{
    /// <summary>Not known: nothing is concluded.</summary>
    None = 0,

    /// <summary>NativeMemory.Alloc, AllocZeroed, Realloc, Free: the C library's heap.</summary>
    Native = 1,

    /// <summary>NativeMemory.Aligned…: a heap with padding of its own on Windows.</summary>
    Aligned = 2,

    /// <summary>Marshal.AllocHGlobal and its strings: LocalAlloc on Windows.</summary>
    HGlobal = 4,

    /// <summary>Marshal.AllocCoTaskMem and its strings: CoTaskMemAlloc on Windows.</summary>
    CoTaskMem = 8,

    /// <summary>BSTRs: SysAllocString on Windows; the pointer is 8 bytes into its block here.</summary>
    Bstr = 16,
}

/// <summary>Families by API and by name.</summary>
internal static class HeapFamilies
{
    /// <summary>The family of a recorded API; None where the hook cannot tell (malloc, realloc).</summary>
    public static HeapFamily Of(AllocationApi api) => api switch
    {
        AllocationApi.NativeMemoryAlloc or AllocationApi.NativeMemoryAllocZeroed => HeapFamily.Native,
        AllocationApi.NativeMemoryAlignedAlloc or AllocationApi.NativeMemoryAlignedRealloc => HeapFamily.Aligned,
        AllocationApi.MarshalAllocHGlobal or AllocationApi.MarshalReAllocHGlobal
            or AllocationApi.MarshalStringToHGlobalAnsi or AllocationApi.MarshalStringToHGlobalUni
            or AllocationApi.MarshalStringToHGlobalAuto or AllocationApi.MarshalSecureStringToGlobalAllocAnsi
            or AllocationApi.MarshalSecureStringToGlobalAllocUnicode => HeapFamily.HGlobal,
        AllocationApi.MarshalAllocCoTaskMem or AllocationApi.MarshalReAllocCoTaskMem
            or AllocationApi.MarshalStringToCoTaskMemAnsi or AllocationApi.MarshalStringToCoTaskMemUni
            or AllocationApi.MarshalStringToCoTaskMemAuto or AllocationApi.MarshalStringToCoTaskMemUTF8
            or AllocationApi.MarshalSecureStringToCoTaskMemAnsi
            or AllocationApi.MarshalSecureStringToCoTaskMemUnicode => HeapFamily.CoTaskMem,
        AllocationApi.MarshalStringToBSTR or AllocationApi.MarshalSecureStringToBSTR => HeapFamily.Bstr,
        _ => HeapFamily.None,
    };

    /// <summary>The family of a freeing API; None where the hook cannot tell.</summary>
    public static HeapFamily Of(FreeingApi api) => api switch
    {
        FreeingApi.NativeMemoryFree or FreeingApi.NativeMemoryRealloc => HeapFamily.Native,
        FreeingApi.NativeMemoryAlignedFree or FreeingApi.NativeMemoryAlignedRealloc => HeapFamily.Aligned,
        FreeingApi.MarshalFreeHGlobal or FreeingApi.MarshalReAllocHGlobal
            or FreeingApi.MarshalZeroFreeGlobalAllocAnsi
            or FreeingApi.MarshalZeroFreeGlobalAllocUnicode => HeapFamily.HGlobal,
        FreeingApi.MarshalFreeCoTaskMem or FreeingApi.MarshalReAllocCoTaskMem
            or FreeingApi.MarshalZeroFreeCoTaskMemAnsi or FreeingApi.MarshalZeroFreeCoTaskMemUTF8
            or FreeingApi.MarshalZeroFreeCoTaskMemUnicode => HeapFamily.CoTaskMem,
        FreeingApi.MarshalFreeBSTR or FreeingApi.MarshalZeroFreeBSTR => HeapFamily.Bstr,
        _ => HeapFamily.None,
    };

    /// <summary>The family of a member of Marshal or NativeMemory that allocates or frees; None for any other.</summary>
    /// <param name="isMarshal">Whether the member is Marshal's.</param>
    /// <param name="member">Its name.</param>
    public static HeapFamily Of(bool isMarshal, string member)
    {
        if (!isMarshal)
        {
            return member switch
            {
                "Alloc" or "AllocZeroed" or "Realloc" or "Free" => HeapFamily.Native,
                "AlignedAlloc" or "AlignedRealloc" or "AlignedFree" => HeapFamily.Aligned,
                _ => HeapFamily.None,
            };
        }

        return member switch
        {
            _ when member.Contains("BSTR", StringComparison.Ordinal) => HeapFamily.Bstr,
            _ when member.Contains("CoTaskMem", StringComparison.Ordinal) => HeapFamily.CoTaskMem,
            _ when member.Contains("HGlobal", StringComparison.Ordinal)
                || member.Contains("GlobalAlloc", StringComparison.Ordinal) => HeapFamily.HGlobal,
            _ => HeapFamily.None,
        };
    }
}
