// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds the runtime's heap functions, makes the entry stubs, redirects the one to the other.
// Who calls it: RuntimeHook, once per process, under its latch.
// The one idea: look, compile, then change. Each tier checks everything it is going to touch before it touches anything,
// and takes back what it did when a step fails, so the next tier starts from an unchanged library.
// Safety: bodies are static methods whose addresses never change; code is written only by the patchers, after their
// checks.
using System.Runtime.Versioning;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Interception;

/// <summary>The work of <see cref="RuntimeHook"/>: finds the runtime's heap functions and redirects them. Runs once.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class HookInstallation
{
    private const string RuntimeLibrary = "libSystem.Native.so";
    private const int WarmUpRounds = 2;

    /// <summary>Exports that are led to their stub over an island (<see cref="JumpIslands"/>).</summary>
    public static int IslandCount { get; private set; }

    /// <summary>Tries the tiers in order. Nothing that anybody refers to is changed by a tier that fails.</summary>
    public static InterceptionTier Run(InterceptionTier strongest, out string detail)
    {
        ElfImage? library = LoadedModules.Find(RuntimeLibrary);
        ElfImage? image = library ?? LoadedModules.FindExecutable();
        if (image is null)
        {
            detail = "the runtime's native library was not found";
            return InterceptionTier.ExplicitApiOnly;
        }

        string where = library is null ? "the executable" : RuntimeLibrary;
        bool isKnown = TryLocate(image, library is not null, out SystemNativeFunctions functions, out string reason);
        if (isKnown && strongest == InterceptionTier.Exports && TryPatchExports(image, functions, out reason))
        {
            detail = $"seven functions of {where}";
            return InterceptionTier.Exports;
        }

        string whyNotExports = strongest == InterceptionTier.Exports ? reason : "not asked for";
        if (TryPatchSlots(image, functions.AlignedRealloc, out int slotCount, out reason))
        {
            detail = $"{slotCount} import slots of {where} (exports: {whyNotExports})";
            return InterceptionTier.GlobalOffsetTable;
        }

        detail = $"exports: {whyNotExports}; import slots: {reason}";
        return InterceptionTier.ExplicitApiOnly;
    }

    // The symbol table when the library is a module of its own, the pattern of the code when it is linked into the host.
    private static bool TryLocate(
        ElfImage image, bool isLibrary, out SystemNativeFunctions functions, out string reason)
    {
        if (!isLibrary)
        {
            return WrapperScan.TryFind(image, out functions, out reason);
        }

        functions = new SystemNativeFunctions(
            Export("Malloc"), Export("Calloc"), Export("Realloc"), Export("Free"),
            Export("AlignedAlloc"), Export("AlignedFree"), Export("AlignedRealloc"));
        if (functions.Malloc.Address == 0 || functions.Calloc.Address == 0 || functions.Realloc.Address == 0
            || functions.Free.Address == 0 || functions.AlignedAlloc.Address == 0 || functions.AlignedFree.Address == 0
            || functions.AlignedRealloc.Address == 0)
        {
            reason = "an export is missing";
            return false;
        }

        reason = "";
        return true;

        ElfExport Export(string name) => image.TryFindExport("SystemNative_" + name, out ElfExport found) ? found : default;
    }

    private static bool TryPatchExports(ElfImage image, in SystemNativeFunctions functions, out string reason)
    {
        StubPage? stubs = StubPage.TryCreate(image.Segments[0].Range);
        if (stubs is null)
        {
            reason = "no memory for the entry stubs";
            return false;
        }

        EntryStubs entries = EntryStubs.ForExports(stubs);
        Span<byte> code = stackalloc byte[MachineCode.MaximumEntryByteCount];
        nuint takeBack = stubs.Add(code[..MachineCode.WriteTakeBack(code, (nint)entries.AlignedRealloc)]);
        if (!entries.AreComplete || takeBack == 0 || !stubs.Seal())
        {
            stubs.Discard();
            reason = "the system refuses executable memory";
            return false;
        }

        // Frees first: see RuntimeHook.
        List<ElfSlot> slots = WrapperScan.HeapSlots(image);
        List<CodePatch> patches = [];
        List<CodePatch> islands = [];
        JumpIslands room = new(image);
        if (!TryPlan(functions.Free, "free", entries.Free, out reason)
            || !TryPlan(functions.AlignedFree, "free", entries.AlignedFree, out reason)
            || !TryPlan(functions.Realloc, "realloc", entries.Realloc, out reason)
            || !TryPlan(functions.AlignedRealloc, "aligned_alloc", takeBack, out reason, ExportShape.CallingFunction)
            || !TryPlan(functions.Malloc, "malloc", entries.Malloc, out reason)
            || !TryPlan(functions.Calloc, "calloc", entries.Calloc, out reason)
            || !TryPlan(functions.AlignedAlloc, "aligned_alloc", entries.AlignedAlloc, out reason))
        {
            stubs.Discard();
            return false;
        }

        entries.WarmUp(WarmUpRounds);
        foreach (CodePatch island in islands)
        {
            // Never undone: see JumpIslands.
            if (!island.TryApply(out reason))
            {
                return false;
            }
        }

        foreach (CodePatch patch in patches)
        {
            if (!patch.TryApply(out reason))
            {
                // The stubs stay mapped: a thread may have entered one already.
                patches.ForEach(applied => applied.TryUndo(out _));
                return false;
            }
        }

        IslandCount = islands.Count;
        return true;

        bool TryPlan(
            ElfExport export, string import, nuint stub, out string why, ExportShape shape = ExportShape.TailJump)
        {
            if (WrapperScan.ImportOf(image, export.Address, shape, slots) != import)
            {
                why = $"the function at {export.Address - image.LoadBias:x} does not lead to {import}";
                return false;
            }

            if (!ExportPatcher.IsInReach(export.Address, shape, stub) && room.TryPlan(stub) is { } island)
            {
                islands.Add(island);
                stub = island.Address;
            }

            CodePatch? patch = ExportPatcher.TryPlan(
                export.Address, export.ByteCount, shape, stub, image.LoaderProtection(export.Address), out why);
            if (patch is null)
            {
                why = $"the function at {export.Address - image.LoadBias:x} is not known: {why}";
                return false;
            }

            patches.Add(patch);
            return true;
        }
    }

    private static bool TryPatchSlots(ElfImage image, ElfExport forwarder, out int slotCount, out string reason)
    {
        slotCount = 0;
        MemoryRange text = default;
        foreach (ElfSegment segment in image.Segments)
        {
            text = (segment.Flags & ElfFormat.PF_X) != 0 && text.ByteCount == 0 ? segment.Range : text;
        }

        StubPage? stubs = StubPage.TryCreate(image.Segments[0].Range);
        if (text.ByteCount is 0 or > int.MaxValue || stubs is null)
        {
            reason = stubs is null ? "no memory for the entry stubs" : "no executable segment";
            return false;
        }

        MemoryRange forwarderRange = new(forwarder.Address, forwarder.Address + forwarder.ByteCount);
        EntryStubs entries = EntryStubs.ForSlots(stubs, text, forwarderRange);
        if (!entries.AreComplete || !stubs.Seal())
        {
            stubs.Discard();
            reason = "the system refuses executable memory";
            return false;
        }

        List<(GlobalOffsetTablePatcher Patcher, nuint Stub)> plans = [];
        foreach ((string name, nuint stub) in entries.BySymbol)
        {
            List<ElfSlot> slots = image.FindSlots(name);
            if (slots.Count == 0)
            {
                stubs.Discard();
                reason = $"no import slot for {name}";
                return false;
            }

            foreach (ElfSlot slot in slots)
            {
                if (GlobalOffsetTablePatcher.TryPlan(image, slot.Address) is { } patcher)
                {
                    plans.Add((patcher, stub));
                }
            }
        }

        entries.WarmUp(WarmUpRounds);
        foreach ((GlobalOffsetTablePatcher patcher, nuint stub) in plans)
        {
            if (!patcher.TryApply(stub, out reason))
            {
                plans.ForEach(plan => plan.Patcher.TryUndo(out _));
                return false;
            }
        }

        slotCount = plans.Count;
        reason = "";
        return true;
    }
}
