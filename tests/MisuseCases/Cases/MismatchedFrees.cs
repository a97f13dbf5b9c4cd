// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak;

namespace MisuseCases.Cases;

/// <summary>Blocks of one family freed by another's function.</summary>
internal static unsafe class MismatchedFrees
{
    private const string Kind = "mismatched-free";

    public static MisuseCase[] All =>
    [
        new("hglobal-freed-as-cotaskmem", static () => Marshal.FreeCoTaskMem(Marshal.AllocHGlobal(10)),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.FreeCoTaskMem")),
        new("cotaskmem-freed-as-hglobal", static () => Marshal.FreeHGlobal(Marshal.StringToCoTaskMemUTF8("text")),
            new ExpectedMisuse(Kind, "Marshal.StringToCoTaskMemUTF8", "Marshal.FreeHGlobal")),
        new("native-freed-as-hglobal", static () => Marshal.FreeHGlobal((nint)NativeMemory.Alloc(10)),
            new ExpectedMisuse(Kind, "NativeMemory.Alloc", "Marshal.FreeHGlobal")),
        new("hglobal-freed-as-native", static () => NativeMemory.Free((void*)Marshal.StringToHGlobalUni("text")),
            new ExpectedMisuse(Kind, "Marshal.StringToHGlobalUni", "NativeMemory.Free")),
        new("aligned-freed-as-native", static () => NativeMemory.Free(NativeMemory.AlignedAlloc(100, 64)),
            new ExpectedMisuse(Kind, "NativeMemory.AlignedAlloc", "NativeMemory.Free")),
        new("native-freed-as-aligned", static () => NativeMemory.AlignedFree(NativeMemory.Alloc(100)),
            new ExpectedMisuse(Kind, "NativeMemory.Alloc", "NativeMemory.AlignedFree")),
        new("cotaskmem-zero-freed-as-hglobal",
            static () => Marshal.ZeroFreeGlobalAllocUnicode(Marshal.StringToCoTaskMemUni("text")),
            new ExpectedMisuse(Kind, "Marshal.StringToCoTaskMemUni", "Marshal.ZeroFreeGlobalAllocUnicode")),
        new("hglobal-reallocated-as-cotaskmem", ReallocOther,
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.ReAllocCoTaskMem")),
        new("bstr-freed-as-hglobal", BstrAsHGlobal, new ExpectedMisuse(Kind, "Marshal.StringToBSTR", "Marshal.FreeHGlobal")),
        new("hglobal-freed-as-bstr", HGlobalAsBstr, new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.FreeBSTR")),
        new("tracked-hglobal-freed-as-cotaskmem", static () => Repeat(50),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.FreeCoTaskMem", 50)),
        new("tracked-native-freed-as-aligned", static () => TrackedMemory.AlignedFree(TrackedMemory.Alloc(100)),
            new ExpectedMisuse(Kind, "NativeMemory.Alloc", "NativeMemory.AlignedFree")),
        new("tracked-bstr-freed-as-cotaskmem", TrackedBstr,
            new ExpectedMisuse(Kind, "Marshal.StringToBSTR", "Marshal.FreeCoTaskMem")),
        new("tracked-hglobal-freed-by-the-runtime", static () => Marshal.FreeCoTaskMem(TrackedMarshal.AllocHGlobal(10)),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.FreeCoTaskMem")),
        new("hglobal-freed-by-tracked-native", static () => TrackedMemory.Free((void*)Marshal.AllocHGlobal(10)),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "NativeMemory.Free")),
        new("mismatch-after-many-matches", AfterMatches,
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.FreeCoTaskMem")),
        new("mismatch-held", static () => Marshal.FreeCoTaskMem(Marshal.AllocHGlobal(10)),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", "Marshal.FreeCoTaskMem")) { Options = "quarantine=1m" },
    ];

    private static void ReallocOther()
    {
        nint block = Marshal.AllocHGlobal(10);
        Marshal.FreeCoTaskMem(Marshal.ReAllocCoTaskMem(block, 5000));
    }

    private static void BstrAsHGlobal()
    {
        nint text = Marshal.StringToBSTR("text");
        Marshal.FreeHGlobal(text);
        Marshal.FreeBSTR(text);
    }

    private static void HGlobalAsBstr()
    {
        nint block = Marshal.AllocHGlobal(64);
        Marshal.FreeBSTR(block);
        Marshal.FreeHGlobal(block);
    }

    private static void TrackedBstr()
    {
        nint text = TrackedMarshal.StringToBSTR("text");
        TrackedMarshal.FreeCoTaskMem(text);
        TrackedMarshal.FreeBSTR(text);
    }

    private static void Repeat(int count)
    {
        for (int i = 0; i < count; i++)
        {
            TrackedMarshal.FreeCoTaskMem(TrackedMarshal.AllocHGlobal(10));
        }
    }

    // The same blocks, freed rightly thousands of times before: the pair that is wrong is still a new one.
    private static void AfterMatches()
    {
        for (int i = 0; i < 3000; i++)
        {
            nint block = Marshal.AllocHGlobal(10);
            if (i == 2500)
            {
                Marshal.FreeCoTaskMem(block);
            }
            else
            {
                Marshal.FreeHGlobal(block);
            }
        }
    }
}
