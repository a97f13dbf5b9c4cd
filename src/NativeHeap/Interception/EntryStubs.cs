// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one entry stub per hooked function, on a page near the library, leading to the body in HookBodies.
// Who calls it: HookInstallation.
// The one idea: the bodies are run through these very stubs, on small and large blocks, before any caller is sent to them.
using System.Runtime.Versioning;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Interception;

/// <summary>The addresses that native callers are sent to, one per hooked function, all on one <see cref="StubPage"/>.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class EntryStubs
{
    private const nuint WarmUpByteCount = 64, WarmUpAlignment = 64;

    // Safety: these are the addresses the runtime gives out for native code; they stay valid because the assembly is
    // never unloaded (RuntimeHook refuses collectible contexts).
    private static nint MallocBody => (nint)(delegate* unmanaged<nuint, nuint, nuint, void*>)&HookBodies.Malloc;

    private static nint CallocBody => (nint)(delegate* unmanaged<nuint, nuint, nuint, nuint, void*>)&HookBodies.Calloc;

    private static nint ReallocBody => (nint)(delegate* unmanaged<void*, nuint, nuint, nuint, void*>)&HookBodies.Realloc;

    private static nint FreeBody => (nint)(delegate* unmanaged<void*, nuint, nuint, void>)&HookBodies.Free;

    private static nint AlignedFreeBody => (nint)(delegate* unmanaged<void*, nuint, nuint, void>)&HookBodies.AlignedFree;

    private static nint AlignedAllocBody
        => (nint)(delegate* unmanaged<nuint, nuint, nuint, nuint, void*>)&HookBodies.AlignedAlloc;

    private static nint AlignedReallocBody
        => (nint)(delegate* unmanaged<void*, nuint, nuint, nuint, nuint, void*>)&HookBodies.AlignedRealloc;

    private static nint FinishMallocBody
        => (nint)(delegate* unmanaged<void*, nuint, uint, nuint, nuint, void*>)&HookBodies.FinishMalloc;

    private static nint FinishFreeBody => (nint)(delegate* unmanaged<void*, uint, uint, void>)&HookBodies.FinishFree;

    private EntryStubs()
    {
    }

    public nuint Malloc { get; private init; }

    public nuint Calloc { get; private init; }

    public nuint Realloc { get; private init; }

    public nuint Free { get; private init; }

    /// <summary>0 for the slot tier: there both functions share the slot of free.</summary>
    public nuint AlignedFree { get; private init; }

    public nuint AlignedAlloc { get; private init; }

    /// <summary>0 for the slot tier: there the library's own function forwards.</summary>
    public nuint AlignedRealloc { get; private init; }

    /// <summary>Whether there was room for all.</summary>
    public bool AreComplete { get; private init; }

    /// <summary>Imported name → stub, frees first.</summary>
    public IReadOnlyList<(string Name, nuint Stub)> BySymbol =>
    [
        ("free", Free), ("realloc", Realloc), ("malloc", Malloc), ("calloc", Calloc), ("aligned_alloc", AlignedAlloc),
    ];

    /// <summary>Stubs for the exports.</summary>
    public static EntryStubs ForExports(StubPage page)
    {
        HookContext* context = HookContext.TryCreate();
        nuint malloc = AddMalloc(page, context);
        nuint calloc = AddEntry(page, 2, CallocBody);
        nuint realloc = AddEntry(page, 2, ReallocBody);
        nuint free = AddFree(page, context);
        nuint alignedFree = AddEntry(page, 1, AlignedFreeBody);
        nuint alignedAlloc = AddEntry(page, 2, AlignedAllocBody);
        nuint alignedRealloc = AddEntry(page, 3, AlignedReallocBody);
        return new EntryStubs
        {
            Malloc = malloc,
            Calloc = calloc,
            Realloc = realloc,
            Free = free,
            AlignedFree = alignedFree,
            AlignedAlloc = alignedAlloc,
            AlignedRealloc = alignedRealloc,
            AreComplete = malloc != 0 && calloc != 0 && realloc != 0 && free != 0 && alignedFree != 0 && alignedAlloc != 0
                && alignedRealloc != 0,
        };
    }

    /// <summary>Stubs for the import slots: calls from <paramref name="text"/> go straight to the C heap, except those of
    /// <paramref name="forwarder"/>.</summary>
    public static EntryStubs ForSlots(StubPage page, MemoryRange text, MemoryRange forwarder)
    {
        HookContext* context = HookContext.TryCreate();
        nuint malloc = AddFiltered(1, (nint)AddMalloc(page, context), MallocBody, CHeap.MallocAddress);
        nuint calloc = AddFiltered(2, CallocBody, CallocBody, CHeap.CallocAddress);
        nuint realloc = AddFiltered(2, ReallocBody, ReallocBody, CHeap.ReallocAddress);
        nuint free = AddFiltered(1, (nint)AddFree(page, context), FreeBody, CHeap.FreeAddress);
        nuint alignedAlloc = AddFiltered(2, AlignedAllocBody, AlignedAllocBody, CHeap.AlignedAllocAddress);
        return new EntryStubs
        {
            Malloc = malloc,
            Calloc = calloc,
            Realloc = realloc,
            Free = free,
            AlignedAlloc = alignedAlloc,
            AreComplete = malloc != 0 && calloc != 0 && realloc != 0 && free != 0 && alignedAlloc != 0,
        };

        // An entry that could not be added leads nowhere: then neither does the filter.
        nuint AddFiltered(int argumentCount, nint entry, nint body, nint original)
        {
            Span<byte> code = stackalloc byte[MachineCode.MaximumEntryByteCount];
            return entry == 0 ? 0 : page.Add(
                code[..MachineCode.WriteFilteredEntry(code, argumentCount, entry, body, original, text, forwarder)]);
        }
    }

    /// <summary>
    /// Runs every body by its stub, as native callers will, before any caller is sent there: afterwards nothing in it
    /// waits for the compiler. Recorded like any other allocation only if the recorder already runs and this thread is
    /// not the detector's; hence the scope.
    /// </summary>
    public void WarmUp(int rounds)
    {
        using DetectorThread.Scope scope = DetectorThread.Enter();
        // Safety: the stubs have the signatures of the functions they replace; every block is freed once.
        var malloc = (delegate* unmanaged<nuint, void*>)Malloc;
        var calloc = (delegate* unmanaged<nuint, nuint, void*>)Calloc;
        var realloc = (delegate* unmanaged<void*, nuint, void*>)Realloc;
        var free = (delegate* unmanaged<void*, void>)Free;
        var alignedAlloc = (delegate* unmanaged<nuint, nuint, void*>)AlignedAlloc;
        for (int i = 0; i < rounds; i++)
        {
            // Quick blocks and large ones.
            for (nuint byteCount = WarmUpByteCount; byteCount <= CHeap.QuickByteCount * 2; byteCount += CHeap.QuickByteCount)
            {
                free(realloc(malloc(byteCount), byteCount * 2));
                free(calloc(1, byteCount));
                void* aligned = alignedAlloc(WarmUpAlignment, byteCount);
                if (AlignedRealloc != 0)
                {
                    var alignedRealloc = (delegate* unmanaged<void*, nuint, nuint, void*>)AlignedRealloc;
                    aligned = alignedRealloc(aligned, WarmUpAlignment, byteCount * 2);
                }

                (AlignedFree != 0 ? (delegate* unmanaged<void*, void>)AlignedFree : free)(aligned);
            }
        }
    }

    // Machine code where there is what it needs, else the body.
    private static nuint AddMalloc(StubPage page, HookContext* context)
    {
        if (context == null)
        {
            return AddEntry(page, 1, MallocBody);
        }

        Span<byte> code = stackalloc byte[MachineCode.MaximumHookByteCount];
        return page.Add(code[..MachineCode.WriteHookMalloc(
            code, ThreadSlot.Offset, (nint)context, MallocBody, FinishMallocBody)]);
    }

    private static nuint AddFree(StubPage page, HookContext* context)
    {
        if (context == null)
        {
            return AddEntry(page, 1, FreeBody);
        }

        Span<byte> code = stackalloc byte[MachineCode.MaximumHookByteCount];
        return page.Add(code[..MachineCode.WriteHookFree(code, ThreadSlot.Offset, (nint)context, FreeBody, FinishFreeBody)]);
    }

    private static nuint AddEntry(StubPage page, int argumentCount, nint body)
    {
        Span<byte> code = stackalloc byte[MachineCode.MaximumEntryByteCount];
        return page.Add(code[..MachineCode.WriteEntry(code, argumentCount, body)]);
    }
}
