// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Linux;

/// <summary>Counts the pages of a range that are in memory. Legal inside a hook.</summary>
internal static unsafe class TouchedPages
{
    private const nuint PageByteCount = 4096;
    private const int ChunkPages = 4096; // 16 MiB a call, with a page of answers on the stack

    /// <summary>Bytes of <c>[address, address + byteCount)</c> in memory; the whole where the system does not tell.</summary>
    public static nuint Count(nuint address, nuint byteCount)
    {
        byte* answers = stackalloc byte[ChunkPages];
        nuint touched = 0;
        nuint pages = (byteCount + PageByteCount - 1) / PageByteCount;
        for (nuint done = 0; done < pages; done += ChunkPages)
        {
            nuint count = Math.Min(pages - done, ChunkPages);
            // Safety: the kernel writes one byte per page, as many as the buffer has at most.
            nint result = RawSyscall.Invoke(SyscallNumber.Mincore, (nint)(address + (done * PageByteCount)),
                (nint)(count * PageByteCount), (nint)answers);
            if (result != 0)
            {
                return byteCount;
            }

            foreach (byte answer in new ReadOnlySpan<byte>(answers, (int)count))
            {
                touched += (nuint)(answer & 1) * PageByteCount;
            }
        }

        return Math.Min(touched, byteCount);
    }
}
