// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: pages are only taken here and never given back.
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Roots;

/// <summary>Buffers for <see cref="LiveMemory"/>, taken once: nothing can be allocated while the threads are parked.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LiveMemoryBuffers
{
    /// <summary>Mappings that can be told apart (65,530 is the kernel's default limit per process).</summary>
    public const int Capacity = 131072;

    public byte* Text;
    public nint TextByteCount;
    public Mapping* Own;
    public Mapping* Child;
    public int MappingCapacity;
    public byte* ChildPath;
    public byte* Chunk;
    public ulong* Granules;

    /// <summary>Takes all buffers; false when pages were refused.</summary>
    public static bool TryCreate(LiveMemoryBuffers* buffers)
    {
        IPageSource pages = Platform.Pages;
        buffers->TextByteCount = 16 << 20;
        buffers->MappingCapacity = Capacity;
        buffers->Text = (byte*)pages.AllocatePrivate((nuint)buffers->TextByteCount);
        buffers->Own = (Mapping*)pages.AllocatePrivate((nuint)Capacity * (nuint)sizeof(Mapping));
        buffers->Child = (Mapping*)pages.AllocatePrivate((nuint)Capacity * (nuint)sizeof(Mapping));
        buffers->ChildPath = (byte*)pages.AllocatePrivate(pages.PageByteCount);
        buffers->Chunk = (byte*)pages.AllocatePrivate(65536);
        buffers->Granules = (ulong*)pages.AllocatePrivate(LiveMemory.GranuleMapByteCount);
        return buffers->Text != null && buffers->Own != null && buffers->Child != null && buffers->ChildPath != null
            && buffers->Chunk != null && buffers->Granules != null;
    }
}
