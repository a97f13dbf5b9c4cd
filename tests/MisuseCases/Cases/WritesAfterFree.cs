// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak;

namespace MisuseCases.Cases;

/// <summary>Writes to freed blocks, while these are held back.</summary>
internal static unsafe class WritesAfterFree
{
    private const string Kind = "write-after-free";
    private const string Held = "quarantine=1m";

    public static MisuseCase[] All =>
    [
        new("write-after-free", static () => Write((byte*)Marshal.AllocHGlobal(100), 17),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", null)
            {
                Says = "byte 17 of the freed block of 100 byte(s) was overwritten with 2a dd dd", FirstFreedIn = nameof(Write),
            }) { Options = Held },
        new("write-after-free-to-the-last-byte", static () => Write((byte*)Marshal.AllocHGlobal(100), 99),
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", null) { Says = "byte 99" }) { Options = Held },
        new("write-after-free-tracked", WriteTracked,
            new ExpectedMisuse(Kind, "NativeMemory.Alloc", null) { Says = "byte 3" }) { Options = Held },
        new("write-after-free-aligned", WriteAligned,
            new ExpectedMisuse(Kind, "NativeMemory.AlignedAlloc", null) { Says = "byte 64" }) { Options = Held },
        new("write-after-reallocation", WriteAfterRealloc,
            new ExpectedMisuse(Kind, "NativeMemory.Alloc", null) { Says = "byte 8" }) { Options = Held },
        new("write-after-free-found-when-it-leaves", WriteAndPushOut,
            new ExpectedMisuse(Kind, "Marshal.AllocHGlobal", null) { Says = "byte 40" }) { Options = "quarantine=64k" },
        new("write-before-free", WriteBeforeFree) { Options = Held + ",poison=1" },
        new("fills-are-seen", CheckFills) { Options = "poison=1" },
        new("fills-are-seen-when-held", CheckFills) { Options = "poison=1,quarantine=64k" },
        new("reallocation-keeps-contents", ReallocKeeps) { Options = Held + ",poison=1" },
        new("pointers-in-held-blocks-keep-nothing", HeldPointers) { Options = Held },
    ];

    private static void Write(byte* block, int offset)
    {
        Marshal.FreeHGlobal((nint)block);
        block[offset] = 42;
    }

    private static void WriteTracked()
    {
        byte* block = (byte*)TrackedMemory.Alloc(100);
        TrackedMemory.Free(block);
        block[3] = 42;
    }

    private static void WriteAligned()
    {
        byte* block = (byte*)NativeMemory.AlignedAlloc(128, 64);
        NativeMemory.AlignedFree(block);
        block[64] = 42;
    }

    private static void WriteAfterRealloc()
    {
        byte* block = (byte*)NativeMemory.Alloc(100);
        NativeMemory.Free(NativeMemory.Realloc(block, 200));
        block[8] = 42;
    }

    private static void WriteAndPushOut()
    {
        byte* block = (byte*)Marshal.AllocHGlobal(100);
        Marshal.FreeHGlobal((nint)block);
        block[40] = 42;
        for (int i = 0; i < 1000; i++)
        {
            Marshal.FreeHGlobal(Marshal.AllocHGlobal(500));
        }
    }

    private static void WriteBeforeFree()
    {
        for (int i = 0; i < 10_000; i++)
        {
            byte* block = (byte*)Marshal.AllocHGlobal(100);
            new Span<byte>(block, 100).Fill(42);
            Marshal.FreeHGlobal((nint)block);
        }
    }

    private static void CheckFills()
    {
        byte* block = (byte*)NativeMemory.Alloc(100);
        Require(new ReadOnlySpan<byte>(block, 100).IndexOfAnyExcept((byte)0xCD) < 0, "a new block is not filled");
        block = (byte*)NativeMemory.Realloc(block, 300);
        Require(new ReadOnlySpan<byte>(block, 300).IndexOfAnyExcept((byte)0xCD) < 0, "what was added is not filled");
        byte* zeroed = (byte*)NativeMemory.AllocZeroed(100);
        Require(new ReadOnlySpan<byte>(zeroed, 100).IndexOfAnyExcept((byte)0) < 0, "a zeroed block is not zero");
        NativeMemory.Free(zeroed);
        NativeMemory.Free(block);
        // The first words belong to the C heap again, if it has the block.
        Require(new ReadOnlySpan<byte>(block + 16, 200).IndexOfAnyExcept((byte)0xDD) < 0, "a freed block is not filled");
    }

    private static void ReallocKeeps()
    {
        byte* block = null;
        for (int size = 1; size < 3000; size += 37)
        {
            block = (byte*)NativeMemory.Realloc(block, (nuint)size);
            block[size - 1] = (byte)size;
        }

        for (int size = 1; size < 3000; size += 37)
        {
            Require(block[size - 1] == (byte)size, "a reallocation lost a byte");
        }

        NativeMemory.Free(block);
    }

    // A block that only a freed block points to is lost; and nothing that is held is.
    private static void HeldPointers()
    {
        nint* holder = (nint*)Marshal.AllocHGlobal(64);
        Marshal.FreeHGlobal((nint)holder);
        Require(*holder == unchecked((nint)0xDDDD_DDDD_DDDD_DDDD), "a held block keeps what it held");
    }

    private static void Require(bool isTrue, string complaint)
    {
        if (!isTrue)
        {
            throw new InvalidOperationException(complaint);
        }
    }
}
