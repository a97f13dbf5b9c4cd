// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
internal sealed unsafe class StackWalkerTests
{
    [OneTimeSetUp]
    public void Initialize() => StackWalker.Initialize();

    // Each would fault, loop or leave the stack if it were followed.
    [TestCase(0ul)]
    [TestCase(1ul)]
    [TestCase(8ul)]
    [TestCase(0x7FFF_FFFF_FFF8ul)]
    [TestCase(ulong.MaxValue)]
    [TestCase(ulong.MaxValue - 7)]
    [TestCase(0x0000_1234_5678_9ABDul)]
    public void ABrokenChainEndsTheWalkAtTheFirstFrame(ulong framePointer)
    {
        nuint* frames = stackalloc nuint[8];
        Assert.That(StackWalker.Walk(new AllocationCall((nuint)framePointer, 0x5000, 0), StackWalker.StackEnd, frames, 8, out _), Is.EqualTo(1));
        Assert.That(frames[0], Is.EqualTo((nuint)0x5000));
    }

    [Test]
    public void AFrameThatPointsBackwardsOrIsNotAlignedEndsTheWalk()
    {
        nuint* fake = stackalloc nuint[8];
        nuint* frames = stackalloc nuint[8];
        fake[0] = (nuint)fake;
        fake[1] = 0x6000;
        Assert.That(Walk(fake, frames), Is.EqualTo(2), "a frame that is its own caller");
        fake[0] = (nuint)(fake + 4) + 4;
        Assert.That(Walk(fake, frames), Is.EqualTo(2), "not aligned");
        fake[0] = (nuint)(fake + 4);
        fake[4] = 0;
        fake[5] = 0x7000;
        Assert.That(Walk(fake, frames), Is.EqualTo(3));
        Assert.That((frames[0], frames[1], frames[2]), Is.EqualTo(((nuint)0x5000, (nuint)0x6000, (nuint)0x7000)));
        fake[5] = 4095;
        Assert.That(Walk(fake, frames), Is.EqualTo(2), "not a code address");
    }

    [Test]
    public void TheHashDependsOnEveryFrameItsPlaceAndTheirNumber()
    {
        HashSet<ulong> hashes =
        [
            StackWalker.Hash([1, 2, 3]), StackWalker.Hash([1, 3, 2]), StackWalker.Hash([2, 1, 3]), StackWalker.Hash([1, 2]),
            StackWalker.Hash([1, 2, 0]), StackWalker.Hash([1, 2, 4]), StackWalker.Hash([1]), StackWalker.Hash([]),
        ];
        Assert.That(hashes, Has.Count.EqualTo(8));
    }

    [Test]
    public void TheWalkHashesWhatItStores()
    {
        nuint* frames = stackalloc nuint[16];
        int count = WalkHere(frames, 16, out ulong hash);
        Assert.That(count, Is.GreaterThan(3));
        Assert.That(StackWalker.Hash(new ReadOnlySpan<nuint>(frames, count)), Is.EqualTo(hash));
    }

    [Test]
    public void EveryThreadWalksItsOwnStackToItsEnd()
    {
        int onThread = 0;
        Thread thread = new(() =>
        {
            nuint* frames = stackalloc nuint[StackWalker.MaximumDepth];
            onThread = WalkHere(frames, StackWalker.MaximumDepth, out _);
        });
        thread.Start();
        thread.Join();
        Assert.That(onThread, Is.InRange(2, StackWalker.MaximumDepth - 1));
    }

    [Test]
    public void TheStubsSeeTheirCallersRegisters()
    {
        nuint local = 0;
        nuint frame = MachineCode.FramePointer();
        Assert.That(frame, Is.GreaterThan((nuint)(&local) - 4096).And.LessThan((nuint)(&local) + 65536));
        Assert.That(*(nuint*)MachineCode.ThreadControlBlock(), Is.EqualTo(MachineCode.ThreadControlBlock()),
            "the control block starts with its own address");
    }

    private static int Walk(nuint* framePointer, nuint* frames)
        => StackWalker.Walk(new AllocationCall((nuint)framePointer, 0x5000, 0), StackWalker.StackEnd, frames, 8, out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int WalkHere(nuint* frames, int depth, out ulong hash)
    {
        AllocationCall call = StackWalker.Caller();
        return StackWalker.Walk(in call, StackWalker.StackEnd, frames, depth, out hash);
    }
}
