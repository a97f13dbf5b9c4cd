// Licensed under the MIT License. See LICENSE in the repository root.
using System.IO.MemoryMappedFiles;
using LeakCases.Planting;

namespace LeakCases.Cases;

/// <summary>Pointers in memory that somebody else mapped.</summary>
internal static unsafe class NativeRoots
{
    private const int PageByteCount = 4096;

    private static MemoryMappedFile? s_file;
    private static MemoryMappedViewAccessor? s_view;

    public static IEnumerable<LeakCase> All =>
    [
        .. LeakCase.Pair("anonymous-mapping", [48], static (plan, held) =>
        {
            nint pages = Libc.MapPages(4 * PageByteCount);
            Words.Point(pages, 700, plan.Alloc("A"));
            if (!held)
            {
                _ = Libc.munmap(pages, 4 * PageByteCount);
            }
        }),
        .. LeakCase.Pair("anonymous-mapping-with-unreadable-page", [37], static (plan, held) =>
        {
            nint pages = Libc.MapPages(3 * PageByteCount);
            Words.Point(pages + (2 * PageByteCount), 5, held ? plan.Alloc("A") : plan.Alloc("A") & 0);
            _ = Libc.mprotect(pages + PageByteCount, PageByteCount, Libc.PROT_NONE);
        }),
        .. LeakCase.Pair("untracked-c-heap-block", [48], static (plan, held) =>
        {
            delegate* unmanaged<nuint, nuint, nint> calloc =
                (delegate* unmanaged<nuint, nuint, nint>)Libc.Symbol("calloc");
            nint foreign = calloc(1, 4096);
            Words.Point(foreign, 100, held ? plan.Alloc("A") : plan.Alloc("A") & 0);
        }),
        .. LeakCase.Pair("memory-mapped-view", [48], static (plan, held) =>
        {
            // .NET keeps such views out of forked children.
            s_file = MemoryMappedFile.CreateNew(null, 16 * PageByteCount);
            s_view = s_file.CreateViewAccessor();
            s_view.Write(1600, (long)plan.Alloc("A"));
            if (!held)
            {
                s_view.Write(1600, 0L);
            }
        }),
    ];
}
