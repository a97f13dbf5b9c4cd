// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what the hook's machine code needs to know of the recorder, the same for all threads.
// Who calls it: HookInstallation makes it; MachineCode.HookMalloc and HookFree read it.
// The one idea: addresses that never change, gathered in one place, so that the code has one address in it.
// Safety: every address is of native pages that are never given back, or of a function.
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Interception;

/// <summary>Addresses for machine code; drawn in <see cref="HookLayout"/>.</summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct HookContext
{
    [FieldOffset(HookLayout.Gates)] public int* Gates;
    [FieldOffset(HookLayout.Malloc)] public nint Malloc;
    [FieldOffset(HookLayout.Free)] public nint Free;
    [FieldOffset(HookLayout.Clock)] public nint Clock;
    [FieldOffset(HookLayout.FrameVersion)] public int* FrameVersion;
    [FieldOffset(HookLayout.Directory)] public nuint* Directory;
    [FieldOffset(HookLayout.Leaves)] public byte* Leaves;
    [FieldOffset(HookLayout.Tallies)] public byte* Tallies;
    [FieldOffset(HookLayout.Entries)] public PackedRecord* Entries;
    [FieldOffset(HookLayout.Readers)] public int* Readers;
    [FieldOffset(HookLayout.Pairs)] public ulong* Pairs;
    [FieldOffset(HookLayout.ClockWords)] public TimeSpec** ClockWords;

    /// <summary>Gathers it. Null where something is missing: then every call goes through the bodies.</summary>
    public static HookContext* TryCreate()
    {
        if (ThreadSlot.Offset == 0 || RecorderGates.Address == null || CoarsePage.WordsAddress == null
            || RecordTable.Store is not { } store)
        {
            return null;
        }

        HookContext* context = (HookContext*)Platform.Pages.AllocatePrivate(Platform.Pages.PageByteCount);
        if (context != null)
        {
            context->Gates = RecorderGates.Address;
            context->Malloc = CHeap.MallocAddress;
            context->Free = CHeap.FreeAddress;
            context->Clock = CoarseClock.FunctionAddress;
            context->ClockWords = CoarsePage.WordsAddress;
            context->FrameVersion = FrameSizes.VersionAddress;
            context->Entries = store.RecordOf(0);
            context->Readers = store.Epochs.Active;
            context->Pairs = FreePairs.CacheAddress;
            store.LocateAligned(out context->Directory, out context->Leaves, out context->Tallies);
        }

        return context;
    }
}
