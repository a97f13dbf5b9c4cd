// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace HookDriver;

/// <summary>The ways a reallocation can end, by user P/Invokes into the same exports.</summary>
internal static unsafe partial class ReallocCases
{
    private static readonly nuint Impossible = nuint.MaxValue / 4;

    public static void Run()
    {
        List<string> lines = [];
        Case("in place", () =>
        {
            void* block = SystemNative_Malloc(1000);
            void* same = SystemNative_Realloc(block, 900);
            Check(same == block);
            return same;
        });
        Case("moved", () =>
        {
            void* block = SystemNative_Malloc(24);
            void* barrier = SystemNative_Malloc(24);
            void* moved = SystemNative_Realloc(block, 100_000);
            Check(moved != block);
            SystemNative_Free(barrier);
            return moved;
        });
        Case("failed keeps the block", () =>
        {
            void* block = SystemNative_Malloc(24);
            *(long*)block = 42;
            Check(SystemNative_Realloc(block, Impossible) == null);
            Check(Marshal.GetLastPInvokeError() == 12);
            Check(*(long*)block == 42);
            return block;
        });
        Case("failed aligned keeps the block", () =>
        {
            void* block = SystemNative_AlignedAlloc(64, 64);
            *(long*)block = 42;
            Check(SystemNative_AlignedRealloc(block, 64, Impossible) == null);
            Check(*(long*)block == 42);
            return block;
        });
        Case("aligned copies what fits", () =>
        {
            byte* block = (byte*)SystemNative_AlignedAlloc(64, 128);
            new Span<byte>(block, 128).Fill(7);
            byte* larger = (byte*)SystemNative_AlignedRealloc(block, 64, 1024);
            Check(!new Span<byte>(larger, 128).ContainsAnyExcept((byte)7));
            byte* smaller = (byte*)SystemNative_AlignedRealloc(larger, 64, 64);
            Check(!new Span<byte>(smaller, 64).ContainsAnyExcept((byte)7));
            return smaller;
        });
        Case("to zero", () =>
        {
            void* block = SystemNative_Malloc(24);
            Check(SystemNative_Realloc(block, 0) == null); // glibc frees
            return null;
        });
        Case("of null", () => SystemNative_Realloc(null, 24));
        Case("of a foreign block", () => SystemNative_Realloc(malloc(24), 100));
        lines.ForEach(Console.WriteLine);

        void Case(string name, Allocation allocate)
        {
            Counts before = Counts.Now;
            void* block = allocate();
            Counts during = Counts.Now - before;
            SystemNative_Free(block);
            Counts after = Counts.Now - before;
            lines.Add($"case={name} live={during.LiveBlocks} left={after.LiveBlocks} unknown={after.UnknownFrees}");
        }
    }

    private delegate void* Allocation();

    private static void Check(bool condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string text = "")
    {
        if (!condition)
        {
            throw new InvalidOperationException(text);
        }
    }

    [LibraryImport("libSystem.Native", SetLastError = true)]
    private static partial void* SystemNative_Malloc(nuint byteCount);

    [LibraryImport("libSystem.Native", SetLastError = true)]
    private static partial void* SystemNative_Realloc(void* block, nuint byteCount);

    [LibraryImport("libSystem.Native")]
    private static partial void SystemNative_Free(void* block);

    [LibraryImport("libSystem.Native")]
    private static partial void* SystemNative_AlignedAlloc(nuint alignment, nuint byteCount);

    [LibraryImport("libSystem.Native")]
    private static partial void* SystemNative_AlignedRealloc(void* block, nuint alignment, nuint byteCount);

    [LibraryImport("libc")]
    private static partial void* malloc(nuint byteCount);
}
