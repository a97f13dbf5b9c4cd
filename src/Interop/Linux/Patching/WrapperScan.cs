// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds the seven SystemNative wrappers in a module that does not export them (the executable of a
// self-contained single-file application has libSystem.Native linked in).
// Who calls it: the runtime hook, when libSystem.Native is not a module of its own.
// The one idea: a wrapper is recognised by what it does, not by where it is: known bytes, a tail jump to a PLT entry, and
// that entry's slot bound by relocation to malloc, calloc, … The whole set must be found, close together and in the order
// the library has them; anything ambiguous is a refusal.
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>The seven functions every managed allocation goes through.</summary>
/// <remarks>Each is 0 when unknown.</remarks>
internal record struct SystemNativeFunctions(
    ElfExport Malloc,
    ElfExport Calloc,
    ElfExport Realloc,
    ElfExport Free,
    ElfExport AlignedAlloc,
    ElfExport AlignedFree,
    ElfExport AlignedRealloc);

/// <summary>Recognises tail-jump wrappers of C heap functions.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class WrapperScan
{
    private static readonly string[] s_heapFunctions = ["malloc", "calloc", "realloc", "free", "aligned_alloc"];

    private const nuint WrapperByteCount = 10;
    private const nuint ClusterByteCount = 0x200;

    /// <summary>The imported function that the code at <paramref name="address"/> leads to, or null.</summary>
    /// <param name="image">The module; the code, its PLT entry and its slot must lie in it.</param>
    /// <param name="address">Candidate.</param>
    /// <param name="shape">What it must look like.</param>
    /// <param name="slots">The slots of the imports looked for.</param>
    public static string? ImportOf(ElfImage image, nuint address, ExportShape shape, List<ElfSlot> slots)
    {
        if (!image.IsExecutable(address, (nuint)ExportPatcher.ByteCountOf(shape)))
        {
            return null;
        }

        nuint entry = ExportPatcher.TargetOf(address, shape);
        if (entry == 0 || !image.IsExecutable(entry, 16))
        {
            return null;
        }

        // Safety: 16 executable, readable bytes of the module (checked above).
        ReadOnlySpan<byte> plt = new((void*)entry, 16);
        int at = plt.StartsWith((ReadOnlySpan<byte>)[0xF3, 0x0F, 0x1E, 0xFA]) ? 4 : 0; // endbr64 on CET builds
        at += plt[at] == 0xF2 ? 1 : 0;                                                  // bnd prefix of older linkers
        if (plt[at] != 0xFF || plt[at + 1] != 0x25)                                      // jmp [rip+disp32]
        {
            return null;
        }

        nuint slot = entry + (nuint)at + 6 + (nuint)MemoryMarshal.Read<int>(plt[(at + 2)..]);
        return slots.Find(known => known.Address == slot)?.Symbol;
    }

    /// <summary>The slots of the C heap's functions.</summary>
    public static List<ElfSlot> HeapSlots(ElfImage image)
    {
        List<ElfSlot> slots = [];
        foreach (string name in s_heapFunctions)
        {
            slots.AddRange(image.FindSlots(name));
        }

        return slots;
    }

    /// <summary>Searches the executable segments. Cost: one 8-byte compare per 16 bytes of code (a few ms for 10 MB).</summary>
    public static bool TryFind(ElfImage image, out SystemNativeFunctions functions, out string reason)
    {
        functions = default;
        List<ElfSlot> slots = HeapSlots(image);
        List<(nuint Address, string Name)> hits = slots.Count == 0 ? [] : Collect(image, slots);
        List<(nuint Address, string Name)> mallocs = hits.FindAll(hit => hit.Name == "malloc");
        if (mallocs.Count != 1)
        {
            reason = $"{mallocs.Count} wrappers of malloc found instead of one";
            return false;
        }

        nuint center = mallocs[0].Address;
        hits.RemoveAll(hit => Math.Max(hit.Address, center) - Math.Min(hit.Address, center) >= ClusterByteCount);
        hits.Sort((left, right) => left.Address.CompareTo(right.Address));
        List<(nuint Address, string Name)> frees = hits.FindAll(hit => hit.Name == "free");
        if (hits.Count != 6 || frees.Count != 2 || One(hits, "calloc") == 0 || One(hits, "realloc") == 0
            || One(hits, "aligned_alloc") == 0)
        {
            reason = $"{hits.Count} wrappers found together instead of six";
            return false;
        }

        // The order of the source file: AlignedAlloc, AlignedFree, AlignedRealloc, Calloc, Free, …
        nuint alignedRealloc = frees[0].Address + 16;
        if (One(hits, "aligned_alloc") > frees[0].Address || One(hits, "calloc") < alignedRealloc
            || ImportOf(image, alignedRealloc, ExportShape.CallingFunction, slots) != "aligned_alloc")
        {
            reason = "the wrappers are not in the order that is known";
            return false;
        }

        functions = new SystemNativeFunctions(
            Wrapper(center),
            Wrapper(One(hits, "calloc")),
            Wrapper(One(hits, "realloc")),
            Wrapper(frees[1].Address),
            Wrapper(One(hits, "aligned_alloc")),
            Wrapper(frees[0].Address),
            new ElfExport(alignedRealloc, Math.Max(One(hits, "calloc") - alignedRealloc, ExportPatcher.CallingByteCount)));
        reason = "";
        return true;
    }

    private static ElfExport Wrapper(nuint address) => new(address, WrapperByteCount);

    private static nuint One(List<(nuint Address, string Name)> hits, string name)
    {
        List<(nuint Address, string Name)> found = hits.FindAll(hit => hit.Name == name);
        return found.Count == 1 ? found[0].Address : 0;
    }

    private static List<(nuint Address, string Name)> Collect(ElfImage image, List<ElfSlot> slots)
    {
        const ulong Pattern = 0x0000_E95D_E589_4855; // 55 48 89 E5 5D E9, little-endian
        const ulong PatternMask = 0x0000_FFFF_FFFF_FFFF;
        List<(nuint Address, string Name)> hits = [];
        foreach (ElfSegment segment in image.Segments)
        {
            if ((segment.Flags & ElfFormat.PF_X) == 0 || (segment.Flags & ElfFormat.PF_R) == 0)
            {
                continue;
            }

            // Safety: every word read lies inside a readable segment of a module that is never unloaded.
            for (nuint at = (segment.Range.Start + 15) & ~(nuint)15; at + CodePatch.ByteCount <= segment.Range.End; at += 16)
            {
                if ((*(ulong*)at & PatternMask) == Pattern && ImportOf(image, at, ExportShape.TailJump, slots) is { } name)
                {
                    hits.Add((at, name));
                }
            }
        }

        return hits;
    }
}
