// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak;

namespace MisuseCases.Cases;

/// <summary>Frees of what is no block.</summary>
internal static unsafe class InvalidFrees
{
    private const string Kind = "invalid-free";

    public static MisuseCase[] All =>
    [
        new("free-inside-a-block", static () => Inside(32),
            new ExpectedMisuse(Kind, "NativeMemory.AllocZeroed", "NativeMemory.Free") { Says = "32 byte(s) inside" }),
        new("free-inside-a-block-unaligned", static () => Inside(5),
            new ExpectedMisuse(Kind, "NativeMemory.AllocZeroed", "NativeMemory.Free") { Says = "5 byte(s) inside" }),
        new("free-inside-a-block-tracked", static () => InsideTracked(48),
            new ExpectedMisuse(Kind, "NativeMemory.AllocZeroed", "NativeMemory.Free") { Says = "48 byte(s) inside" }),
        new("free-on-the-stack", OnStack, new ExpectedMisuse(Kind, null, "NativeMemory.Free") { Says = "stack" }),
        new("free-in-the-managed-heap", InManagedHeap,
            new ExpectedMisuse(Kind, null, "NativeMemory.Free") { Says = "managed heap" }),
        new("free-of-an-unmapped-address", static () => NativeMemory.Free((void*)0x5000),
            new ExpectedMisuse(Kind, null, "NativeMemory.Free")),
        new("reallocation-inside-a-block", ReallocInside,
            new ExpectedMisuse(Kind, "NativeMemory.AllocZeroed", "NativeMemory.Realloc") { Says = "16 byte(s) inside" }),
    ];

    private static void Inside(int offset)
    {
        byte* block = (byte*)NativeMemory.AllocZeroed(400);
        NativeMemory.Free(block + offset);
        NativeMemory.Free(block);
    }

    private static void InsideTracked(int offset)
    {
        byte* block = (byte*)TrackedMemory.AllocZeroed(400);
        TrackedMemory.Free(block + offset);
        TrackedMemory.Free(block);
    }

    private static void OnStack()
    {
        long* local = stackalloc long[8];
        NativeMemory.Free(local);
    }

    private static void InManagedHeap()
    {
        byte[] array = GC.AllocateArray<byte>(4096, pinned: true);
        fixed (byte* first = array)
        {
            NativeMemory.Free((byte*)(((nint)first + 63) & ~(nint)63));
        }
    }

    private static void ReallocInside()
    {
        byte* block = (byte*)NativeMemory.AllocZeroed(400);
        byte* other = (byte*)NativeMemory.Realloc(block + 16, 600);
        new Span<byte>(other, 600).Fill(1);
        NativeMemory.Free(other);
        NativeMemory.Free(block);
    }
}
