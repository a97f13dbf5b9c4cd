// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace StackShapes.Shapes;

/// <summary>Native code between two frames of ours: a sort of the C library, with and without delegates.</summary>
internal static unsafe partial class NativeCallers
{
    private const int Times = 40;

    private static readonly Comparison s_compare = Compare;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Comparison(nint left, nint right);

    public static IEnumerable<(string, Action)> All() =>
    [
        ("qsort and UnmanagedCallersOnly", static () => AllShapes.Repeat(Times, SortByPointer)),
        ("qsort and a delegate", static () => AllShapes.Repeat(Times, SortByDelegate)),
        ("qsort of many", static () => AllShapes.Repeat(3, SortMany)),
        ("qsort in qsort", static () => AllShapes.Repeat(10, SortInSort)),
        ("UnmanagedCallersOnly called from C#", static () => AllShapes.Repeat(Times, CallBack)),
    ];

    [LibraryImport("libc", EntryPoint = "qsort")]
    private static partial void Sort(void* start, nuint count, nuint size, delegate* unmanaged<void*, void*, int> compare);

    [LibraryImport("libc", EntryPoint = "qsort")]
    private static partial void Sort(void* start, nuint count, nuint size, nint compare);

    private static void SortByPointer()
    {
        int* numbers = stackalloc int[] { 3, 1, 2 };
        Sort(numbers, 3, sizeof(int), &CompareUnmanaged);
        Sort(numbers, 2, sizeof(int), &CompareUnmanaged);
    }

    [UnmanagedCallersOnly]
    private static int CompareUnmanaged(void* left, void* right)
    {
        CallKinds.Keep(Leaf.Allocate());
        return *(int*)left - *(int*)right;
    }

    private static void SortByDelegate()
    {
        int* numbers = stackalloc int[] { 3, 1, 2 };
        nint compare = Marshal.GetFunctionPointerForDelegate(s_compare);
        Sort(numbers, 3, sizeof(int), compare);
        Sort(numbers, 2, sizeof(int), compare);
    }

    private static int Compare(nint left, nint right)
    {
        CallKinds.Keep(Leaf.Allocate());
        return *(int*)left - *(int*)right;
    }

    // The C library's own frames differ with each call: they must not make sites of their own.
    private static void SortMany()
    {
        int[] numbers = [.. Enumerable.Range(0, 40).Select(static number => number * 7919 % 41)];
        fixed (int* first = numbers)
        {
            Sort(first, (nuint)numbers.Length, sizeof(int), &CompareUnmanaged);
        }
    }

    private static void SortInSort()
    {
        int* numbers = stackalloc int[] { 2, 1 };
        Sort(numbers, 2, sizeof(int), &CompareBySorting);
    }

    [UnmanagedCallersOnly]
    private static int CompareBySorting(void* left, void* right)
    {
        SortByPointer();
        CallKinds.Keep(Leaf.Allocate());
        return *(int*)left - *(int*)right;
    }

    private static void CallBack()
    {
        delegate* unmanaged<int, int> pointer = &Back;
        CallKinds.Keep(pointer(2));
    }

    [UnmanagedCallersOnly]
    private static int Back(int depth)
    {
        CallKinds.Keep(Leaf.Allocate());
        return depth == 0 ? 0 : Again(depth - 1);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Again(int depth)
    {
        delegate* unmanaged<int, int> pointer = &Back;
        return pointer(depth) + 1;
    }
}
