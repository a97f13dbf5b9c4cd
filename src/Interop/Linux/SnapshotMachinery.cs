// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: every table is carved from pages taken here once and never given back; sizes come from the same constants
// as the uses.
using System.Runtime.Versioning;
using System.Text;

namespace NativeLeak.Interop.Linux;

/// <summary>
/// Builds, once per process, what the stopped world needs: all tables, the control structure and the handler. Nothing of it
/// is ever given back, since a signal may arrive at any later time.
/// </summary>
/// <remarks>
/// Memory: 2 MiB of shared pages for the slots and as much for the thread list, of which only what is used is ever touched;
/// 1.3 MiB of private pages.
/// </remarks>
[SupportedOSPlatform("linux")]
internal static unsafe partial class SnapshotMachinery
{
    /// <summary>Threads that can be parked; the default kernel.pid_max and half of vm.max_map_count agree on about this.</summary>
    public const int SlotCapacity = 32_768;

    private const int UnresponsiveCapacity = 256;
    private const nuint DirectoryByteCount = 1 << 20, PageByteCount = 4096;

    private static ZoneState* s_zone;

    /// <summary>The zone state, ready; null with a reason when threads cannot be parked here. Call under the engine's lock.</summary>
    public static ZoneState* TryGet(out string? refusal)
    {
        refusal = null;
        if (s_zone != null)
        {
            return s_zone;
        }

        if (!Platform.IsSupported)
        {
            refusal = "snapshots need Linux on x64";
            return null;
        }

        ZoneState* zone = Allocate(Platform.Pages);
        if (zone == null)
        {
            refusal = "no memory for the tables of the snapshot";
            return null;
        }

        zone->StackPointer = (delegate*<nint>)MachineCode.EmitStackPointer();
        MachineCode.EmitFrameStubs();
        RawThread.Initialize();
        zone->ThreadControlBlock = MachineCode.ThreadControlBlock;
        ChildCode.PrepareAll(typeof(SnapshotMachinery).Assembly);
        zone->Signal = ParkingSignal.RuntimeSignal;
        if (!ParkingSignal.TryInstall(zone->Control, out refusal))
        {
            return null;
        }

        s_zone = zone;
        return zone;
    }

    private static ZoneState* Allocate(IPageSource pages)
    {
        nuint slotBytes = SlotCapacity * (nuint)sizeof(ParkingSlot);
        nuint threadBytes = ((SlotCapacity + 1) * (nuint)sizeof(ParkedThread)) + PageByteCount & ~(PageByteCount - 1);
        nuint hashBytes = SlotCapacity * 2 * sizeof(int);

        // Private: the zone, texts, scratch. Shared: what parked threads write (no copy-on-write fault on their way out)
        // and what the child must see.
        nuint fixedBytes = 8 * PageByteCount;
        nuint privatePages = pages.AllocatePrivate(fixedBytes + hashBytes + DirectoryByteCount);
        nuint sharedPages = pages.AllocateShared((2 * PageByteCount) + slotBytes + threadBytes);
        if (privatePages == 0 || sharedPages == 0)
        {
            if (privatePages != 0)
            {
                pages.Release(privatePages, fixedBytes + hashBytes + DirectoryByteCount);
            }

            return null;
        }

        ZoneState* zone = (ZoneState*)privatePages;
        byte* texts = (byte*)privatePages + PageByteCount;
        zone->SignalInformation = (SignalInformation*)(texts + 1024);
        zone->PidDescriptor = (int*)(texts + 2048);
        zone->Unresponsive = (int*)(texts + PageByteCount);
        zone->UnresponsiveCapacity = UnresponsiveCapacity;
        zone->StatusWork = texts + (2 * PageByteCount);
        zone->SlotByThreadId = (int*)(privatePages + fixedBytes);
        zone->SlotByThreadIdMask = (SlotCapacity * 2) - 1;
        zone->DirectoryEntries = (byte*)(privatePages + fixedBytes + hashBytes);
        zone->DirectoryEntriesByteCount = (nint)DirectoryByteCount;
        zone->ChildName = Text(texts, "nativeleak-scan");
        zone->OutOfMemoryScorePath = Text(texts + 64, "/proc/self/oom_score_adj");
        zone->OutOfMemoryScore = Text(texts + 128, "1000");
        zone->MemoryFilePath = Text(texts + 192, "/proc/self/mem");
        zone->View = (SnapshotView*)sharedPages;
        zone->Control = (ParkingControl*)(sharedPages + PageByteCount);
        zone->Slots = (ParkingSlot*)(sharedPages + (2 * PageByteCount));
        zone->SlotCapacity = SlotCapacity;
        zone->Threads = (ParkedThread*)(sharedPages + (2 * PageByteCount) + slotBytes);
        zone->Control->SlotTable = (nuint)zone->Slots;
        zone->Control->SlotTableByteCount = slotBytes;
        zone->Control->ProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        zone->Control->AllSignals = ulong.MaxValue;
        return zone;
    }

    private static byte* Text(byte* at, string text)
    {
        Encoding.ASCII.GetBytes(text, new Span<byte>(at, text.Length));
        at[text.Length] = 0;
        return at;
    }
}
