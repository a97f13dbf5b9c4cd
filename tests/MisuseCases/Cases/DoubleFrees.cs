// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak;

namespace MisuseCases.Cases;

/// <summary>Blocks that are freed twice.</summary>
internal static unsafe partial class DoubleFrees
{
    private const string Held = "quarantine=1m";
    private const int ManyBlocks = 40;

    // Sizes that a thread's cache (and of the second, a fast list) keeps, and that the runtime hardly asks for: what it is
    // given between two frees is its own, and nobody can tell (docs/design/misuse.md, "What is missed").
    private const int RareByteCount = 1000, RareSmallByteCount = 120;

    public static MisuseCase[] All =>
    [
        new("double-free-hook", static () => Twice(Marshal.AllocHGlobal(100)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal")
            {
                FreedIn = nameof(SecondFree), FirstFreedIn = nameof(FirstFree),
            }),
        new("double-free-native-memory", static () => TwiceNative(NativeMemory.AllocZeroed(300)),
            new ExpectedMisuse("double-free", "NativeMemory.AllocZeroed", "NativeMemory.Free")),
        new("double-free-aligned", static () => TwiceAligned(NativeMemory.AlignedAlloc(300, 64)),
            new ExpectedMisuse("double-free", "NativeMemory.AlignedAlloc", "NativeMemory.AlignedFree")),
        new("double-free-large", static () => Twice(Marshal.AllocHGlobal(4 << 20)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal")),
        new("double-free-middle", TwiceMerged,
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal")),
        new("double-free-tracked", TwiceTracked,
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal") { FreedIn = nameof(TwiceTracked) }),
        new("double-free-held", static () => Twice(Marshal.AllocHGlobal(100)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal")
            {
                FreedIn = nameof(SecondFree), FirstFreedIn = nameof(FirstFree),
            }) { Options = Held },
        new("double-free-tracked-held", TwiceTracked,
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal")) { Options = Held },
        new("double-free-in-a-loop", static () => Loop(100),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", 100)),
        new("double-free-past-the-cache", Many,
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", ManyBlocks + 1)),
        new("double-free-by-reallocation", AfterRealloc,
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal")),
        new("reallocation-of-a-freed-block", static () => ReallocFreed(false),
            new ExpectedMisuse("double-free", "NativeMemory.Alloc", "NativeMemory.Realloc")),
        new("reallocation-of-a-freed-block-tracked", static () => ReallocFreed(true),
            new ExpectedMisuse("double-free", "NativeMemory.Alloc", "NativeMemory.Realloc")),
        new("double-free-by-threads", static () => Together(16, Marshal.FreeHGlobal, Marshal.AllocHGlobal(RareByteCount)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", 15)),
        new("double-free-by-threads-tracked",
            static () => Together(16, TrackedMarshal.FreeHGlobal, TrackedMarshal.AllocHGlobal(RareByteCount)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", 15)),
        new("double-free-by-threads-held", static () => Together(16, Marshal.FreeHGlobal, Marshal.AllocHGlobal(RareByteCount)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", 15)) { Options = Held },
        new("double-free-by-threads-often", static () => TogetherOften(300),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", 300 * 3)),
        new("double-free-by-threads-tracked-held",
            static () => Together(16, TrackedMarshal.FreeHGlobal, TrackedMarshal.AllocHGlobal(RareByteCount)),
            new ExpectedMisuse("double-free", "Marshal.AllocHGlobal", "Marshal.FreeHGlobal", 15)) { Options = Held },
        new("native-reuse-then-free", NativeReuse),
        new("native-reuse-then-free-small", static () => NativeReuseOf("", 5000)),
        new("native-reuse-by-other-threads", NativeReuseOnThreads),
        new("native-reuse-uninitialised", static () => NativeReuseUntouched(5000)),
    ];

    // Both places are compiled and named before: what the runtime allocates for that between the two frees could be given the
    // very block.
    private static void Twice(nint block)
    {
        FirstFree(Marshal.AllocHGlobal(8));
        SecondFree(Marshal.AllocHGlobal(8));
        FirstFree(block);
        SecondFree(block);
    }

    // Too large for a thread's cache: merged with the free one before it, from whose other end the heap gives away first.
    private static void TwiceMerged()
    {
        const int ByteCount = 60_000;
        nint before = Marshal.AllocHGlobal(ByteCount), block = Marshal.AllocHGlobal(ByteCount), wall = Marshal.AllocHGlobal(ByteCount);
        Marshal.FreeHGlobal(before);
        Twice(block);
        Marshal.FreeHGlobal(wall);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FirstFree(nint block)
    {
        Marshal.FreeHGlobal(block);
        GC.KeepAlive(null);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SecondFree(nint block)
    {
        Marshal.FreeHGlobal(block);
        GC.KeepAlive(null);
    }

    private static void TwiceNative(void* block)
    {
        NativeMemory.Free(block);
        NativeMemory.Free(block);
    }

    private static void TwiceAligned(void* block)
    {
        NativeMemory.AlignedFree(block);
        NativeMemory.AlignedFree(block);
    }

    private static void TwiceTracked()
    {
        nint block = TrackedMarshal.AllocHGlobal(100);
        TrackedMarshal.FreeHGlobal(block);
        TrackedMarshal.FreeHGlobal(block);
    }

    private static void Loop(int count)
    {
        for (int i = 0; i < count; i++)
        {
            nint block = Marshal.AllocHGlobal(100);
            Marshal.FreeHGlobal(block);
            Marshal.FreeHGlobal(block);
        }
    }

    // More blocks of one size than a thread's cache holds: the rest waits in lists where nothing marks it. A block of
    // another size comes first: what the runtime needs to name the stacks must not be taken from these blocks.
    private static void Many()
    {
        foreach ((int count, int size) in ((int, int)[])[(1, 3000), (ManyBlocks, 72)])
        {
            nint[] blocks = new nint[count];
            for (int i = 0; i < count; i++)
            {
                blocks[i] = Marshal.AllocHGlobal(size);
            }

            FreeAll(blocks);
            FreeAllAgain(blocks);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeAll(nint[] blocks)
    {
        foreach (nint block in blocks)
        {
            Marshal.FreeHGlobal(block);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeAllAgain(nint[] blocks)
    {
        foreach (nint block in blocks)
        {
            Marshal.FreeHGlobal(block);
        }
    }

    private static void AfterRealloc()
    {
        nint old = Marshal.AllocHGlobal(64);
        nint wall = Marshal.AllocHGlobal(64); // keeps it from growing in place
        nint block = Marshal.ReAllocHGlobal(old, 10_000);
        if (block != old)
        {
            Marshal.FreeHGlobal(old);
        }

        Marshal.FreeHGlobal(block);
        Marshal.FreeHGlobal(wall);
    }

    private static void ReallocFreed(bool isTracked)
    {
        if (isTracked)
        {
            void* tracked = TrackedMemory.Alloc(200);
            TrackedMemory.Free(tracked);
            TrackedMemory.Free(Check(TrackedMemory.Realloc(tracked, 500)));
            return;
        }

        void* block = NativeMemory.Alloc(200);
        NativeMemory.Free(block);
        NativeMemory.Free(Check(NativeMemory.Realloc(block, 500)));
    }

    private static void* Check(void* block)
    {
        new Span<byte>(block, 500).Fill(7);
        return block;
    }

    // No thread ends before all have freed: its cache would go back to the heap, and the runtime be given the block. That is
    // the documented limit without a quarantine (docs/design/misuse.md, "What is missed").
    private static void Together(int count, Action<nint> free, nint block)
    {
        using Barrier barrier = new(count);
        Thread[] threads = new Thread[count];
        for (int i = 0; i < count; i++)
        {
            threads[i] = new Thread(() =>
            {
                barrier.SignalAndWait();
                free(block);
                barrier.SignalAndWait();
            });
            threads[i].Start();
        }

        Array.ForEach(threads, static thread => thread.Join());
    }

    // Four threads, one block a round, no lock between them but the barrier; no thread ends before all have freed.
    private static void TogetherOften(int rounds)
    {
        const int Count = 4;
        nint block = 0;
        using Barrier barrier = new(Count, self =>
        {
            if (self.CurrentPhaseNumber < rounds)
            {
                block = Marshal.AllocHGlobal(RareSmallByteCount);
            }
        });
        Thread[] threads = new Thread[Count];
        for (int i = 0; i < Count; i++)
        {
            threads[i] = new Thread(() =>
            {
                for (int round = 0; round < rounds; round++)
                {
                    barrier.SignalAndWait();
                    Marshal.FreeHGlobal(Volatile.Read(ref block));
                }

                barrier.SignalAndWait();
            });
            threads[i].Start();
        }

        Array.ForEach(threads, static thread => thread.Join());
    }

    private static void NativeReuse() => NativeReuseOf("a text that native code copies for its caller", 5000);

    // The C library hands the address of a block that we freed to its own caller, who gives the block to us.
    private static void NativeReuseOf(string text, int count)
    {
        int reused = 0;
        for (int i = 0; i < count; i++)
        {
            nint own = Marshal.AllocHGlobal(text.Length + 1);
            Marshal.FreeHGlobal(own);
            nint copy = strdup(text);
            reused += copy == own ? 1 : 0;
            Marshal.FreeHGlobal(copy);
        }

        Require(reused);
    }

    private static void NativeReuseUntouched(int count)
    {
        int reused = 0;
        for (int i = 0; i < count; i++)
        {
            void* own = NativeMemory.Alloc(72);
            NativeMemory.Free(own);
            nint block = malloc(72);
            reused += block == (nint)own ? 1 : 0;
            NativeMemory.Free((void*)block);
        }

        Require(reused);
    }

    private static void NativeReuseOnThreads()
    {
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(NativeReuse);
            threads[i].Start();
        }

        Array.ForEach(threads, static thread => thread.Join());
    }

    private static void Require(int reused)
    {
        if (reused == 0)
        {
            throw new InvalidOperationException("no address was handed out again: the case shows nothing");
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint strdup(string text);

    [LibraryImport("libc")]
    private static partial nint malloc(nuint byteCount);
}
