// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds the managed heap's reserve and object layout of this process.
// Who calls it: Startup notes the reserve, before the application's threads exist (neighbouring mappings may join the run
// later); the first scan asks for the layout.
// The one idea: believe a fact only when a second one confirms it; otherwise the heap is "unknown" and is read whole.
using System.Numerics;
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Roots;

/// <summary>The layout of this process's managed heap, found once.</summary>
internal static unsafe class ManagedHeapLayouts
{
    // The sizes that the collector picks regions from (gc.cpp, init_gc_heap): large ones unless they would be too few.
    private static readonly ulong[] s_regionSizes = [4UL << 20, 2UL << 20, 1UL << 20];
    private static readonly Lock s_lock = new();
    private static MemoryRange s_reserve;
    private static string? s_reserveReason; // null: not looked for yet
    private static ManagedHeapLayout s_layout;
    private static string? s_reason;

    /// <summary>
    /// Finds where the managed heap lies, as early as possible; all else can wait until the first scan. Later calls do nothing.
    /// </summary>
    public static void NoteReserve()
    {
        lock (s_lock)
        {
            if (s_reserveReason is null)
            {
                s_reserve = FindReserve(out s_reserveReason);
            }
        }
    }

    /// <summary>Where the managed heap lies; empty when it was not found or not looked for.</summary>
    public static MemoryRange Reserve
    {
        get
        {
            lock (s_lock)
            {
                return s_reserve;
            }
        }
    }

    /// <summary>Finds the layout; later calls return the first answer.</summary>
    /// <param name="reason">Why objects cannot be traced; empty when they can.</param>
    public static ManagedHeapLayout Find(out string reason)
    {
        lock (s_lock)
        {
            if (s_reason == null)
            {
                s_layout = Discover(out s_reason);
            }

            reason = s_reason;
            return s_layout;
        }
    }

    private static ManagedHeapLayout Discover(out string reason)
    {
        ManagedHeapLayout layout = default;
        RuntimeContract? contract = RuntimeContract.TryRead(out reason);
        if (contract == null)
        {
            return layout;
        }

        layout.FlagsOffset = contract.FieldOffset("MethodTable", "MTFlags");
        layout.BaseSizeOffset = contract.FieldOffset("MethodTable", "BaseSize");
        layout.ClassOrCanonOffset = contract.FieldOffset("MethodTable", "EEClassOrCanonMT");
        layout.MethodTableByteCount = contract.TypeByteCount("MethodTable");
        layout.ClassMethodTableOffset = contract.FieldOffset("EEClass", "MethodTable");
        layout.ComponentCountOffset = contract.FieldOffset("Array", "m_NumComponents");
        long unmask = contract.Number("ObjectToMethodTableUnmask");
        nuint freeObject = contract.Address("FreeObjectMethodTable");
        if (layout.FlagsOffset < 0 || layout.BaseSizeOffset < 0 || layout.ClassOrCanonOffset < 0
            || layout.MethodTableByteCount <= 0 || layout.ClassMethodTableOffset < 0 || layout.ComponentCountOffset < 0
            || unmask < 0 || freeObject == 0 || contract.FieldOffset("Object", "m_pMethTab") != 0)
        {
            reason = "the runtime's contract descriptor lacks the layout of objects";
            return layout;
        }

        layout.MethodTableUnmask = (nuint)unmask;
        layout.FreeObjectMethodTable = *(nuint*)freeObject;
        NoteReserve();
        reason = s_reserveReason!;
        layout.HeapStart = s_reserve.Start;
        layout.HeapEnd = s_reserve.End;
        if (s_reserve.ByteCount == 0 || !Confirm(layout, out reason))
        {
            return layout;
        }

        layout.CanTrace = 1;
        return layout;
    }

    // The size of the reserve is public (GCRegionRange), and that of regions where the user set it.
    private static MemoryRange FindReserve(out string reason)
    {
        IReadOnlyDictionary<string, object> settings = GC.GetConfigurationVariables();
        ulong range = Number(settings, "GCRegionRange"), regionSize = Number(settings, "GCRegionSize");
        if (range == 0)
        {
            reason = "this garbage collector has no single reserve (segments instead of regions)";
            return default;
        }

        MemoryRange reserve = FindReserve(
            EarlyMaps.Read(), AddressOf(new object()), range, regionSize == 0 ? s_regionSizes : [regionSize]);
        reason = reserve.ByteCount == 0 ? "the reserve of the garbage collector could not be confirmed" : string.Empty;
        return reserve;
    }

    /// <summary>
    /// Finds the reserve of <paramref name="range"/> bytes around <paramref name="inside"/>; empty when it cannot be told.
    /// </summary>
    /// <remarks>
    /// Contiguity alone does not tell: a thread's stack may lie right below the reserve and a malloc arena right above, and
    /// would be taken for managed memory. So the walk goes up the run of committed and reserved pieces, and the end that
    /// counts is the first one from which the published size leads back to the start of a committed region.
    /// </remarks>
    /// <param name="mappings">The process's mappings, in order.</param>
    /// <param name="inside">The address of any object.</param>
    /// <param name="range">Bytes that were reserved, before the alignment of the first region.</param>
    /// <param name="regionSizes">Sizes that a region may have; each a power of two.</param>
    internal static MemoryRange FindReserve(
        Mapping[] mappings, nuint inside, ulong range, ulong[] regionSizes)
    {
        int at = 0;
        while (at < mappings.Length && mappings[at].End <= inside)
        {
            at++;
        }

        foreach (ulong size in regionSizes)
        {
            MemoryRange found = BitOperations.IsPow2(size) ? FindReserve(mappings, at, inside, range, size) : default;
            if (found.ByteCount != 0)
            {
                return found;
            }
        }

        return default;
    }

    private static MemoryRange FindReserve(Mapping[] mappings, int first, nuint inside, ulong range, ulong regionSize)
    {
        for (int last = first; last < mappings.Length && IsHeapPiece(mappings[last]); last++)
        {
            ulong end = mappings[last].End;
            ulong start = (end - range + regionSize - 1) & ~(regionSize - 1);
            if (inside >= start && inside < end && StartsCommitted(mappings, start))
            {
                return new MemoryRange((nuint)start, (nuint)end);
            }

            if (last + 1 < mappings.Length && mappings[last + 1].Start != end)
            {
                break;
            }
        }

        return default;
    }

    private static ulong Number(IReadOnlyDictionary<string, object> settings, string name)
        => settings.TryGetValue(name, out object? value)
            ? Convert.ToUInt64(value, System.Globalization.CultureInfo.InvariantCulture) : 0;

    private static bool StartsCommitted(Mapping[] mappings, ulong start)
    {
        foreach (Mapping mapping in mappings)
        {
            if (mapping.Start == start)
            {
                return (mapping.Access & MappingAccess.Write) != 0;
            }
        }

        return false;
    }

    private static bool IsHeapPiece(in Mapping mapping)
        => mapping.Kind == MappingKind.Anonymous && (mapping.Access & (MappingAccess.Execute | MappingAccess.Shared)) == 0;

    // The layout must describe objects we know: an ordinary one, an array, a shared generic.
    private static bool Confirm(in ManagedHeapLayout layout, out string reason)
    {
        foreach (object known in new object[] { new(), new nint[3], new List<string>(), new string[5], new InvalidOperationException() })
        {
            nuint methodTable = (nuint)known.GetType().TypeHandle.Value;
            nuint address = AddressOf(known);

            // Safety: both addresses belong to the runtime and to a live object; offsets were published by the runtime.
            nuint found = *(nuint*)address & ~layout.MethodTableUnmask;
            nuint link = *(nuint*)(methodTable + (nuint)layout.ClassOrCanonOffset);
            nuint canonical = (link & 1) != 0 ? link & ~(nuint)1 : methodTable;
            nuint runtimeClass = (link & 1) != 0 ? *(nuint*)(canonical + (nuint)layout.ClassOrCanonOffset) : link;
            bool heap = address >= layout.HeapStart && address < layout.HeapEnd;
            if (!heap || found != methodTable || *(nuint*)(runtimeClass + (nuint)layout.ClassMethodTableOffset) != canonical)
            {
                reason = "the published layout of objects does not match this process";
                return false;
            }
        }

        reason = string.Empty;
        return true;
    }

    // Safety: a reference is the address of the object; it is only compared and read at once, and a moved object stays
    // inside the same heap with the same first word.
    private static nuint AddressOf(object o) => *(nuint*)Unsafe.AsPointer(ref o);
}
