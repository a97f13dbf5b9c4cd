// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>TrackedMemory does what NativeMemory does, exceptions included.</summary>
[TestFixture]
internal sealed unsafe class MemoryDifferentialTests
{
    private static readonly nuint[] s_sizes =
    [
        0, 1, 7, 8, 15, 16, 17, 24, 1000, 4096, 32768, 32769, 1 << 20, (nuint)1 << 30 << 17, nuint.MaxValue / 2,
        nuint.MaxValue - 4096, nuint.MaxValue - 15, nuint.MaxValue - 1, nuint.MaxValue,
    ];

    private static readonly nuint[] s_alignments =
    [
        0, 1, 2, 3, 4, 5, 8, 12, 16, 64, 4096, 1 << 20, (nuint)1 << 30 << 16, (nuint)1 << 31 << 32, nuint.MaxValue,
    ];

    private static readonly (nuint Count, nuint Size)[] s_products =
    [
        (0, 0), (0, 8), (8, 0), (3, 5), (1, 4096), (nuint.MaxValue, 1), (1, nuint.MaxValue), (nuint.MaxValue, 2),
        ((nuint)1 << 32, (nuint)1 << 32), (((nuint)1 << 32) + 1, (nuint)1 << 32), (nuint.MaxValue, nuint.MaxValue),
        (0, nuint.MaxValue),
    ];

    [OneTimeSetUp]
    public void Start() => Recording.StartIfOn();

    [TestCaseSource(nameof(s_sizes))]
    public void AllocEqualsTheOriginal(nuint byteCount)
        => AssertEqual(() => Used(NativeMemory.Alloc(byteCount), byteCount, NativeMemory.Free),
            () => Used(TrackedMemory.Alloc(byteCount), byteCount, TrackedMemory.Free));

    [TestCaseSource(nameof(s_sizes))]
    public void AllocZeroedEqualsTheOriginal(nuint byteCount)
        => AssertEqual(() => Zeroed(NativeMemory.AllocZeroed(byteCount), byteCount, NativeMemory.Free),
            () => Zeroed(TrackedMemory.AllocZeroed(byteCount), byteCount, TrackedMemory.Free));

    [TestCaseSource(nameof(s_products))]
    public void ElementCountsEqualTheOriginal((nuint Count, nuint Size) product)
    {
        AssertEqual(() => Used(NativeMemory.Alloc(product.Count, product.Size), 0, NativeMemory.Free),
            () => Used(TrackedMemory.Alloc(product.Count, product.Size), 0, TrackedMemory.Free));
        AssertEqual(() => Used(NativeMemory.AllocZeroed(product.Count, product.Size), 0, NativeMemory.Free),
            () => Used(TrackedMemory.AllocZeroed(product.Count, product.Size), 0, TrackedMemory.Free));
    }

    [TestCaseSource(nameof(s_sizes))]
    public void ReallocOfNullEqualsTheOriginal(nuint byteCount)
        => AssertEqual(() => Used(NativeMemory.Realloc(null, byteCount), byteCount, NativeMemory.Free),
            () => Used(TrackedMemory.Realloc(null, byteCount), byteCount, TrackedMemory.Free));

    [TestCaseSource(nameof(s_sizes))]
    public void ReallocKeepsTheContentsAsTheOriginalDoes(nuint byteCount)
        => AssertEqual(
            () => Regrown(NativeMemory.Alloc(100), block => NativeMemory.Realloc(block, byteCount), byteCount, NativeMemory.Free),
            () => Regrown(TrackedMemory.Alloc(100), block => TrackedMemory.Realloc(block, byteCount), byteCount,
                TrackedMemory.Free));

    [Test]
    public void AlignedAllocEqualsTheOriginalForEverySizeAndAlignment([ValueSource(nameof(s_alignments))] nuint alignment)
    {
        foreach (nuint byteCount in s_sizes)
        {
            AssertEqual(
                () => Aligned(NativeMemory.AlignedAlloc(byteCount, alignment), alignment, NativeMemory.AlignedFree),
                () => Aligned(TrackedMemory.AlignedAlloc(byteCount, alignment), alignment, TrackedMemory.AlignedFree));
            AssertEqual(
                () => Aligned(NativeMemory.AlignedRealloc(null, byteCount, alignment), alignment, NativeMemory.AlignedFree),
                () => Aligned(TrackedMemory.AlignedRealloc(null, byteCount, alignment), alignment, TrackedMemory.AlignedFree));
        }
    }

    [Test]
    public void AlignedReallocKeepsTheContentsAsTheOriginalDoes([ValueSource(nameof(s_alignments))] nuint alignment)
    {
        foreach (nuint byteCount in s_sizes)
        {
            AssertEqual(
                () => Regrown(NativeMemory.AlignedAlloc(100, 32),
                    block => NativeMemory.AlignedRealloc(block, byteCount, alignment), byteCount, NativeMemory.AlignedFree),
                () => Regrown(TrackedMemory.AlignedAlloc(100, 32),
                    block => TrackedMemory.AlignedRealloc(block, byteCount, alignment), byteCount, TrackedMemory.AlignedFree));
        }
    }

    [Test]
    public void FreeingNullDoesNothing()
    {
        long unknown = RecordTable.Counters.UnknownFrees;
        TrackedMemory.Free(null);
        TrackedMemory.AlignedFree(null);
        Assert.That(RecordTable.Counters.UnknownFrees, Is.EqualTo(unknown));
    }

    [Test]
    public void ClearCopyAndFillAreTheOriginals()
    {
        byte* block = (byte*)TrackedMemory.Alloc(16);
        TrackedMemory.Fill(block, 16, 0xAB);
        TrackedMemory.Clear(block + 4, 4);
        TrackedMemory.Copy(block + 2, block, 6);
        TrackedMemory.Fill(null, 0, 1);
        TrackedMemory.Clear(null, 0);
        TrackedMemory.Copy(null, null, 0);
        Assert.That(Convert.ToHexString(new ReadOnlySpan<byte>(block, 16)), Is.EqualTo("ABAB00000000" + "0000" + "ABABABABABABABAB"));
        TrackedMemory.Free(block);
    }

    [Test]
    public void BlocksMayBeFreedByTheOtherApi()
    {
        void* ours = TrackedMemory.Alloc(40);
        NativeMemory.Free(ours);
        void* theirs = NativeMemory.Alloc(40);
        // The block of an untracked allocator gets no record by being freed here, and may have ours's address.
        TrackedMemory.Free(theirs);
        Recording.AssertForgotten((nint)theirs);
    }

    [Test]
    public void EachMemberIsRecordedUnderItsNameWithItsCaller()
    {
        const string Here = nameof(EachMemberIsRecordedUnderItsNameWithItsCaller);
        void* block = TrackedMemory.Alloc(33);
        Recording.AssertRecorded((nint)block, 33, AllocationApi.NativeMemoryAlloc, BlockFlags.None, Here);
        block = TrackedMemory.Realloc(block, 55);
        Recording.AssertRecorded((nint)block, 55, AllocationApi.NativeMemoryRealloc, BlockFlags.None, Here);
        TrackedMemory.Free(block);
        Recording.AssertForgotten((nint)block);
        block = TrackedMemory.Alloc(7, 6);
        Recording.AssertRecorded((nint)block, 42, AllocationApi.NativeMemoryAlloc, BlockFlags.None, Here);
        TrackedMemory.Free(block);
        block = TrackedMemory.AllocZeroed(70_000);
        Recording.AssertRecorded((nint)block, 70_000, AllocationApi.NativeMemoryAllocZeroed, BlockFlags.None, Here);
        TrackedMemory.Free(block);
        Recording.AssertForgotten((nint)block);
        block = TrackedMemory.AllocZeroed(5, 5);
        Recording.AssertRecorded((nint)block, 25, AllocationApi.NativeMemoryAllocZeroed, BlockFlags.None, Here);
        TrackedMemory.Free(block);
        block = TrackedMemory.AlignedAlloc(100, 64);
        Recording.AssertRecorded((nint)block, 128, AllocationApi.NativeMemoryAlignedAlloc, BlockFlags.Aligned, Here);
        block = TrackedMemory.AlignedRealloc(block, 10, 256);
        Recording.AssertRecorded((nint)block, 256, AllocationApi.NativeMemoryAlignedRealloc, BlockFlags.Aligned, Here);
        TrackedMemory.AlignedFree(block);
        Recording.AssertForgotten((nint)block);
        block = TrackedMemory.Alloc(0);
        Recording.AssertRecorded((nint)block, 1, AllocationApi.NativeMemoryAlloc, BlockFlags.None, Here);
        TrackedMemory.Free(block);
    }

    [Test]
    public void AFailedReallocLeavesTheRecordAsItWas()
    {
        void* block = TrackedMemory.Alloc(80);
        ulong ordinal = Ordinal(block);
        Assert.That(() => TrackedMemory.Realloc(block, nuint.MaxValue), Throws.TypeOf<OutOfMemoryException>());
        Recording.AssertRecorded((nint)block, 80, AllocationApi.NativeMemoryAlloc, BlockFlags.None,
            nameof(AFailedReallocLeavesTheRecordAsItWas));
        Assert.That(Ordinal(block), Is.EqualTo(ordinal));
        TrackedMemory.Free(block);

        static ulong Ordinal(void* block)
        {
            ulong ordinal = 0;
            if (Recording.IsOn && RecordTable.TryRemove((nuint)block, out BlockRecord record))
            {
                ordinal = record.Ordinal;
                RecordTable.Restore(in record);
            }

            return ordinal;
        }
    }

    private static void AssertEqual(Func<string> original, Func<string> tracked)
        => Assert.That(Outcome.Of(tracked), Is.EqualTo(Outcome.Of(original)));

    private delegate void Freeing(void* block);

    private delegate void* Reallocating(void* block);

    // Writes every byte that was asked for, as far as that is reasonable.
    private static string Used(void* block, nuint byteCount, Freeing free)
    {
        bool isLargeEnough = CHeapSize(block) >= Math.Max(byteCount, 1);
        NativeMemory.Fill(block, Math.Min(byteCount, 1 << 20), 0x5A);
        free(block);
        Recording.AssertForgotten((nint)block);
        return $"block, large enough: {isLargeEnough}, aligned to 16: {(nuint)block % 16 == 0}";
    }

    private static string Zeroed(void* block, nuint byteCount, Freeing free)
    {
        int length = (int)Math.Min(byteCount, 1 << 20);
        bool isZero = new ReadOnlySpan<byte>(block, length).IndexOfAnyExcept((byte)0) < 0;
        return $"zero: {isZero}, {Used(block, byteCount, free)}";
    }

    private static string Aligned(void* block, nuint alignment, Freeing free)
    {
        bool isAligned = (nuint)block % Math.Max(alignment, 8) == 0;
        free(block);
        Recording.AssertForgotten((nint)block);
        return $"aligned: {isAligned}";
    }

    private static string Regrown(void* block, Reallocating reallocate, nuint byteCount, Freeing free)
    {
        for (int i = 0; i < 100; i++)
        {
            ((byte*)block)[i] = (byte)i;
        }

        void* moved;
        try
        {
            moved = reallocate(block);
        }
        catch (Exception exception)
        {
            // The old block must still be there, with its contents.
            string text = Convert.ToHexString(new ReadOnlySpan<byte>(block, 100));
            free(block);
            return $"{exception.GetType()} {exception.Message} {(exception as ArgumentException)?.ParamName} {text}";
        }

        string kept = Convert.ToHexString(new ReadOnlySpan<byte>(moved, (int)Math.Min(byteCount, 100)));
        free(moved);
        Recording.AssertForgotten((nint)moved);
        return kept;
    }

    private static nuint CHeapSize(void* block)
    {
        CHeap.Initialize();
        return CHeap.UsableSize(block);
    }
}
