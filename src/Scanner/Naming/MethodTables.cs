// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: from a number that a scan took for a MethodTable to the type it stands for, in the living process.
// Who calls it: ManagedTypeNames.
// The one idea: the runtime would crash on a number that is no type, so the number must prove itself first, through
// fault-safe reads: its EEClass points back at it, and it belongs to no context that can be unloaded.
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Roots;

namespace NativeLeak.Naming;

/// <summary>Checked MethodTables.</summary>
internal static class MethodTables
{
    // MethodTable flags of the contract RuntimeTypeSystem, version 1 (dotnet/runtime docs/design/datacontracts).
    private const uint HasComponentSize = 0x8000_0000, Collectible = 0x0020_0000, ComponentSizeMask = 0xFFFF;
    // The smallest is that of strings: header, MethodTable, length, terminator.
    private const uint MinimumBaseSize = 22, MaximumBaseSize = 1 << 28;
    private const ulong LowestAddress = 65536;

    private static readonly Lazy<ManagedHeapLayout> s_layout = new(static () =>
    {
        ManagedHeapLayout layout = ManagedHeapLayouts.Find(out _);
        return Confirm(layout) ? layout : default;
    });

    /// <summary>The type; null when the number does not prove to be the MethodTable of a type that stays.</summary>
    public static Type? TryGetType(ulong methodTable, out MethodTableFacts facts)
    {
        if (!TryRead(s_layout.Value, methodTable, out facts))
        {
            return null;
        }

        // Types that are not collectible stay for good: what proved itself above cannot be gone now.
        Type? type = Type.GetTypeFromHandle(RuntimeTypeHandle.FromIntPtr((nint)methodTable));
        return type is null || type.IsCollectible || type.ContainsGenericParameters ? null : type;
    }

    // The layout must lead from known types to themselves, of every shape that objects have.
    private static bool Confirm(in ManagedHeapLayout layout)
    {
        if (layout.MethodTableByteCount <= 0 || layout.ClassMethodTableOffset < 0)
        {
            return false;
        }

        (Type Type, uint Element)[] known =
        [
            (typeof(object), 0), (typeof(string), 2), (typeof(nint[]), 8), (typeof(byte[]), 1), (typeof(List<string>), 0),
            (typeof(List<nint>), 0), (typeof(decimal[]), 16), (typeof(int[,]), 4), (typeof(InvalidOperationException), 0),
        ];
        foreach ((Type type, uint element) in known)
        {
            if (!TryRead(layout, (ulong)type.TypeHandle.Value, out MethodTableFacts facts) || facts.ComponentByteCount != element)
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryRead(in ManagedHeapLayout layout, ulong methodTable, out MethodTableFacts facts)
    {
        facts = default;
        if (layout.MethodTableByteCount <= 0 || (methodTable & 7) != 0 || methodTable < LowestAddress
            || !TryReadWord(methodTable, layout.FlagsOffset, out ulong flags)
            || !TryReadWord(methodTable, layout.BaseSizeOffset, out ulong size)
            || !TryReadWord(methodTable, layout.ClassOrCanonOffset, out ulong link))
        {
            return false;
        }

        ulong canonical = methodTable;
        if ((link & 1) != 0)
        {
            canonical = link & ~1UL;
            if (!TryReadWord(canonical, layout.ClassOrCanonOffset, out link))
            {
                return false;
            }
        }

        if ((link & 7) != 0 || !TryReadWord(link, layout.ClassMethodTableOffset, out ulong back) || back != canonical
            || (uint)size is < MinimumBaseSize or >= MaximumBaseSize || (flags & Collectible) != 0)
        {
            return false;
        }

        facts = new MethodTableFacts((uint)size, (flags & HasComponentSize) != 0 ? (uint)flags & ComponentSizeMask : 0);
        return true;
    }

    private static bool TryReadWord(ulong address, int offset, out ulong word)
    {
        word = 0;
        return Platform.Memory.Read((nuint)address + (nuint)offset, MemoryMarshal.AsBytes(new Span<ulong>(ref word))) == sizeof(ulong);
    }
}
