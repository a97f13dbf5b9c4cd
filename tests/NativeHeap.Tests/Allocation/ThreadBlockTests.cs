// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Records;
using ThreadState = NativeLeak.NativeHeap.Allocation.ThreadState;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>What one load finds is the calling thread's, says what the thread statics say, and ends with the thread.</summary>
[TestFixture]
internal sealed unsafe class ThreadBlockTests
{
    // More than glibc keeps stacks of ended threads for: blocks of control are used again.
    private const int ThreadCount = 60;

    [OneTimeSetUp]
    public void Start() => AllocationRecorder.Start(stackDepth: 16);

    [Test]
    public void TheSlotIsFoundAndHoldsWhatItsThreadSet()
    {
        Assert.That(ThreadSlot.Offset, Is.Not.Zero, "this C library keeps the values of keys in the thread's control block");
        nuint[] seen = new nuint[4];
        OnThread(() =>
        {
            seen[0] = MachineCode.FrameAndSlot().Slot;
            Assert.That(ThreadSlot.TrySet(0x1234_5678));
            seen[1] = MachineCode.FrameAndSlot().Slot;
            OnThread(() => seen[2] = MachineCode.FrameAndSlot().Slot);
            ThreadSlot.TrySet(0);
            seen[3] = MachineCode.FrameAndSlot().Slot;
        });
        Assert.That(seen, Is.EqualTo(new nuint[] { 0, 0x1234_5678, 0, 0 }));
    }

    [Test]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void TheStubAnswersTheFrameThatTheOtherOneDoes()
    {
        nuint here;
        Assert.That(MachineCode.FrameAndSlot().FramePointer, Is.EqualTo(MachineCode.FramePointer()));
        Assert.That(StackWalker.IsOwnFrame(MachineCode.FramePointer(), (nuint)(&here)));
        Assert.That(StackWalker.IsOwnFrame((nuint)(&here) - 8, (nuint)(&here)), Is.False, "below the local");
        Assert.That(StackWalker.IsOwnFrame((nuint)(&here) + 8192, (nuint)(&here)), Is.False, "far above it");
        Assert.That(StackWalker.IsOwnFrame((nuint)(&here) + 12, (nuint)(&here)), Is.False, "not aligned");
    }

    [Test]
    public void ANewThreadBeginsWithNothingAndHasABlockFromItsSecondAllocationOn()
    {
        for (int i = 0; i < ThreadCount; i++)
        {
            nuint before = 1, after = 0;
            ushort number = 0;
            uint live = 0;
            OnThread(() =>
            {
                before = MachineCode.FrameAndSlot().Slot;
                Churn(3);
                after = MachineCode.FrameAndSlot().Slot;
                number = ThreadNumbers.Current;
                live = ((ThreadBlock*)after)->Live;
                Assert.That(after, Is.EqualTo(ThreadState.Block));
                Assert.That(((ThreadBlock*)after)->StackEnd, Is.EqualTo(StackWalker.StackEnd));
            });
            Assert.That(before, Is.EqualTo((nuint)0), $"thread {i}: an ended thread's word was left");
            Assert.That(after, Is.Not.EqualTo((nuint)0));
            Assert.That(live, Is.EqualTo(RecordStateWord.Live(AllocationApi.Unknown, BlockFlags.None, number)));
        }
    }

    [Test]
    public void ScopesAreSeenInTheBlock() => OnThread(() =>
    {
        using (DetectorThread.Enter())
        {
            Churn(3);
        }

        Churn(3);
        ThreadBlock* block = (ThreadBlock*)MachineCode.FrameAndSlot().Slot;
        Assert.That(block->Scope, Is.Zero);
        using (DetectorThread.Enter())
        {
            Assert.That(block->Scope, Is.Not.Zero);
            Assert.That(block->Scope, Is.EqualTo(ThreadState.Scope));
        }

        Assert.That(block->Scope, Is.Zero);
    });

    // As at the end of a thread, when the C library has cleared the word and destructors still allocate.
    [Test]
    public void AClearedSlotIsSetAgain() => OnThread(() =>
    {
        Churn(3);
        nuint block = MachineCode.FrameAndSlot().Slot;
        ThreadSlot.TrySet(0);
        Churn(1);
        Assert.That(MachineCode.FrameAndSlot().Slot, Is.EqualTo(block));
    });

    private static void Churn(int pairs)
    {
        for (int i = 0; i < pairs; i++)
        {
            void* block = RecordedMemory.Alloc(64, AllocationApi.NativeMemoryAlloc);
            RecordedMemory.Free(block, NativeHeap.Misuse.FreeingApi.NativeMemoryFree);
        }
    }

    private static void OnThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.That(failure, Is.Null);
    }
}
