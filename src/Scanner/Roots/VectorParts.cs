// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the page is taken once and never given back; it has room for every component there can be.
using System.Runtime.Intrinsics.X86;
using NativeLeak.Interop;

namespace NativeLeak.Roots;

/// <summary>Where in what the kernel saves of a thread's vector registers each of the processor's components stands.</summary>
/// <remarks>
/// The XSAVE area in the standard format (Intel SDM, volume 1, 13.4), as the kernel leaves it in signal frames:
/// <code>
///     0  x87 and SSE registers: always there
///   512  header: which components follow (a bit each), 64 bytes
///   576  AVX, AVX-512, …, each where CPUID leaf 13 says
/// </code>
/// The places of components that a system keeps to itself stay as they were: they hold what the stack held before.
/// </remarks>
internal static unsafe class VectorParts
{
    /// <summary>Components are numbered from 2: 0 and 1 are the first 512 bytes.</summary>
    public const int First = 2;

    /// <summary>Bytes of the components 0 and 1; the header follows them.</summary>
    public const int LegacyByteCount = 512;

    private const int Limit = 63, Leaf = 0xD;

    /// <summary>The place of each component by its number, as offsets; empty for those that do not exist. No table where the processor is
    /// another or the page cannot be had: then the whole area is read, as one that may hide a leak.</summary>
    public static MemoryRange* Find(out int count)
    {
        count = 0;
        MemoryRange* parts = X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= Leaf
            ? (MemoryRange*)Platform.Pages.AllocatePrivate(Platform.Pages.PageByteCount)
            : null;
        if (parts == null)
        {
            return null;
        }

        for (int i = First; i < Limit; i++)
        {
            (int byteCount, int offset, _, _) = X86Base.CpuId(Leaf, i);
            // Components of the system alone have no offset.
            if (byteCount > 0 && offset > LegacyByteCount)
            {
                parts[i] = new MemoryRange((nuint)offset, (nuint)(offset + byteCount));
                count = i + 1;
            }
        }

        return parts;
    }
}
