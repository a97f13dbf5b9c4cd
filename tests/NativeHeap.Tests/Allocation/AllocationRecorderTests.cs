// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.NativeHeap.Tests.Misuse;

namespace NativeLeak.NativeHeap.Tests.Allocation;

[TestFixture]
internal sealed unsafe class AllocationRecorderTests
{
    [OneTimeSetUp]
    public void StartRecording()
    {
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [Test]
    public void AnAllocatedBlockIsRecordedWithItsCallerAndAFreedOneIsNot()
    {
        nuint address = AllocateRecorded(40);
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            Assert.That(RecordTable.TryFind(in guard, address, out RecordHandle found));
            using (found)
            {
                Assert.That(found.Record.Address, Is.EqualTo(address));
                Assert.That(found.Record.BlockByteCount, Is.EqualTo((nuint)40));
                Assert.That(found.Record.Api, Is.EqualTo(AllocationApi.NativeMemoryAlloc));
                Assert.That(found.Record.ThreadNumber, Is.EqualTo(ThreadNumbers.Current));
                SiteStack? stack = SiteDepot.GetStack(found.Record.Site);
                Assert.That(stack, Is.Not.Null);
                Assert.That(stack!.Frames[0].Method!.Name, Is.EqualTo(nameof(AllocateRecorded)));
                Assert.That(stack.Frames[1].Method!.Name,
                    Is.EqualTo(nameof(AnAllocatedBlockIsRecordedWithItsCallerAndAFreedOneIsNot)));
            }
        }

        FreeRecorded(address);
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            Assert.That(RecordTable.TryFind(in guard, address, out _), Is.False);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint AllocateRecorded(nuint byteCount)
    {
        nuint address = (nuint)CHeap.Malloc(byteCount);
        AllocationCall call = StackWalker.Caller();
        AllocationRecorder.OnAllocated(address, byteCount, AllocationApi.NativeMemoryAlloc, BlockFlags.None, in call);
        return address;
    }

    private static void FreeRecorded(nuint address)
    {
        nuint byteCount = Frees.Take(address);
        CHeap.Free((void*)address, byteCount);
    }
}
