// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: room for jumps to anywhere that a module's own code can reach with 32 bits.
// Who calls it: HookInstallation, where the stub page could not be placed within 2 GiB of the library: the runtime reserves
// address space on both sides of its libraries, and in one of some forty processes it leaves no page free.
// The one idea: the loader maps the last page of the code segment whole. Behind the segment's end stands whatever follows in
// the file; no symbol, relocation or code refers to it there, and the page may be executed.
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>Absolute jumps of 14 bytes in the rest of a code segment's last page, 16 bytes each.</summary>
/// <remarks>An island is never taken back: a thread may stand in it. Not thread-safe: the installation's own.</remarks>
[SupportedOSPlatform("linux")]
internal sealed unsafe class JumpIslands
{
    private const nuint PageMask = 4095;

    private readonly nuint _end;
    private readonly int _protection;
    private nuint _next;

    /// <summary>Finds the room; there may be none.</summary>
    public JumpIslands(ElfImage image)
    {
        foreach (ElfSegment segment in image.Segments)
        {
            nuint end = segment.Range.End;
            MemoryRange rest = new(end, (end + PageMask) & ~PageMask);
            if ((segment.Flags & ElfFormat.PF_X) != 0 && !IsUsed(image, rest))
            {
                _next = (rest.Start + CodePatch.ByteCount - 1) & ~(nuint)(CodePatch.ByteCount - 1);
                _end = rest.End;
                _protection = image.LoaderProtection(end - 1);
                return;
            }
        }
    }

    private static bool IsUsed(ElfImage image, MemoryRange range)
    {
        foreach (ElfSegment segment in image.Segments)
        {
            if (segment.Range.Overlaps(range))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Plans an island that leads to <paramref name="target"/>; changes nothing. Null when there is no room.</summary>
    public CodePatch? TryPlan(nuint target)
    {
        if (_next == 0 || _next + CodePatch.ByteCount > _end)
        {
            return null;
        }

        // Safety: 16 bytes of a page that the loader mapped readable, because the segment is.
        ReadOnlySpan<byte> there = new((void*)_next, CodePatch.ByteCount);
        Span<byte> island = stackalloc byte[CodePatch.ByteCount];
        there.CopyTo(island);
        MachineCode.WriteJump(island, (nint)target);
        CodePatch patch = new(_next, there, island, _protection);
        _next += CodePatch.ByteCount;
        return patch;
    }
}
