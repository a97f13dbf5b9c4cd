// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Blocks of every kind of managed API, among them one whose pointer is not its start.</summary>
internal static unsafe class OtherApis
{
    private static nint s_root;

    public static IEnumerable<LeakCase> All =>
    [
        // The pointer of a BSTR is eight bytes into its block, and its block is a multiple of sixteen.
        .. Pair("bstr", "Marshal.StringToBSTR", 4016, static () => Marshal.StringToBSTR(new string('b', 2001))),
        .. Pair("utf8-string", "Marshal.StringToCoTaskMemUTF8", 1807,
            static () => Marshal.StringToCoTaskMemUTF8(new string('u', 601))),
        .. Pair("ansi-string", "Marshal.StringToHGlobalAnsi", 2103,
            static () => Marshal.StringToHGlobalAnsi(new string('a', 700))),
        .. Pair("utf16-string", "Marshal.StringToHGlobalUni", 3002,
            static () => Marshal.StringToHGlobalUni(new string('w', 1500))),
        .. Pair("co-task-memory", "Marshal.AllocCoTaskMem", 2501, static () => Marshal.AllocCoTaskMem(2501)),
        .. Pair("zeroed", "NativeMemory.AllocZeroed", 2507, static () => (nint)NativeMemory.AllocZeroed(2507)),
        .. Pair("aligned", "NativeMemory.AlignedAlloc", 4096 * 3,
            static () => (nint)NativeMemory.AlignedAlloc(4096 * 3, 4096)),
        .. Pair("reallocated", "NativeMemory.Realloc", 90_007,
            static () => (nint)NativeMemory.Realloc(NativeMemory.Alloc(11), 90_007)),
        .. Pair("re-allocated-hglobal", "Marshal.ReAllocHGlobal", 90_011,
            static () => Marshal.ReAllocHGlobal(Marshal.AllocHGlobal(13), 90_011)),
    ];

    private static LeakCase[] Pair(string name, string allocator, int size, Func<nint> alloc)
    {
        return
        [
            new($"{name}-held", $"{name}-lost", [], [Live("A") with { Size = size }],
                plan => s_root = Make(plan, alloc)),
            new($"{name}-lost", $"{name}-held", [], [Lost("A") with { Size = size, Allocator = allocator }],
                plan => Make(plan, alloc)),
        ];
    }

    private static nint Make(Plan plan, Func<nint> alloc)
    {
        CHeapGround.Prepare(plan.SizeOf("A"));
        plan.Note("A");
        return alloc();
    }
}
