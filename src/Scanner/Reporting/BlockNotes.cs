// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what hints say about a lost block, for reports.
// Who calls it: ReportBuilder and NativeScanOutcome, for blocks whose record said Annotated.
// The one idea: a lost block is still there, and so are its annotations; if it was freed meanwhile they are gone, and it is
// shown without them.
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Reads annotations of lost blocks.</summary>
internal static class BlockNotes
{
    private const ulong OrdinalMask = (1ul << PackedRecord.OrdinalBits) - 1;

    /// <summary>The check in which a block was made; 0 when in none.</summary>
    public static uint CheckOf(in LostBlock block) => (uint)Read(block, AnnotationKind.Check);

    /// <summary>The block's tag; null when it has none.</summary>
    public static string? TagOf(in LostBlock block) => HintTexts.Get((uint)Read(block, AnnotationKind.Tag));

    /// <summary>The block's site, with the API of its first one, and with the name of its free function.</summary>
    public static ReportedSite SiteOf(in LostBlock block, ReportedSite site, SiteIndex sites)
    {
        uint first = (uint)Read(block, AnnotationKind.FirstSite);
        string allocator = first == 0 ? site.Allocator : sites.Get(first, (AllocationApi)block.Api).Allocator;
        if (HintTexts.Get((uint)Read(block, AnnotationKind.FreeName)) is { } freeName)
        {
            allocator += $" (freed by {freeName})";
        }

        return allocator == site.Allocator
            ? site
            : site with { Allocator = allocator, Identity = allocator + "\n" + site.Identity };
    }

    private static ulong Read(in LostBlock block, AnnotationKind kind)
        => ((BlockFlags)block.Flags & BlockFlags.Annotated) != 0
            && BlockHints.Table is { } table
            && table.TryGet(block.Address, block.Ordinal & OrdinalMask, kind, out ulong first, out _)
            ? first
            : 0;
}
