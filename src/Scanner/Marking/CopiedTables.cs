// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: copies are pages of ours, valid until Dispose; the buffers have the room that is named here.
using NativeLeak.Interop;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.Roots;

namespace NativeLeak.Marking;

/// <summary>What threads may change beside a scan of the living process, copied under its locks: own memory, registered roots,
/// hints and pools.</summary>
internal sealed unsafe class CopiedTables : IDisposable
{
    private MemoryRange _annotations, _pools;

    /// <summary>Copies all of them into a scan's context. After the list of mappings was read, so that what is ours in it is
    /// known to be.</summary>
    public bool TryCopy(ScanContext* context, ConcurrentBuffers buffers)
    {
        context->OwnRanges = buffers.Own;
        context->OwnCount = OwnMemory.CopyTo(buffers.Own);
        context->RegisteredRoots = buffers.Roots;
        context->RegisteredRootCount = RegisteredRoots.CopyTo(buffers.Roots, ConcurrentBuffers.RootCapacity);
        context->ExitFrames = ExitFrames.Current;
        return BlockHints.TryCopy(out context->Annotations, out _annotations)
            && PoolRanges.TryCopy(out context->Pools, out _pools)
            && context->RegisteredRootCount >= 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release(ref _annotations);
        Release(ref _pools);
    }

    private static void Release(ref MemoryRange pages)
    {
        if (pages.ByteCount != 0)
        {
            Platform.Pages.Release(pages.Start, pages.ByteCount);
            pages = default;
        }
    }
}
