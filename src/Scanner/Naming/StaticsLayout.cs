// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Roots;

namespace NativeLeak.Naming;

/// <summary>Where the runtime keeps the static fields of a type, and the types of a module: from its contract descriptor.</summary>
/// <param name="Flags2">Offset in a MethodTable of its second flags.</param>
/// <param name="Auxiliary">Offset in a MethodTable of the pointer to its auxiliary data.</param>
/// <param name="Module">Offset in a MethodTable of the pointer to its module.</param>
/// <param name="StaticsByteCount">Bytes of a DynamicStaticsInfo, which lies right before the auxiliary data.</param>
/// <param name="References">Offset in it of the base of fields that are references.</param>
/// <param name="Values">Offset in it of the base of all other fields.</param>
/// <param name="PointerMask">The bits of both bases that are an address.</param>
/// <param name="TypeMap">Offset in a module of its map from type definitions to MethodTables.</param>
/// <param name="MapTable">Offset in a map of the pointer to its table.</param>
/// <param name="MapNext">Offset in a map of the pointer to the map that goes on.</param>
/// <param name="MapCount">Offset in a map of its count.</param>
/// <param name="MapFlags">Offset in a map of the mask of the bits of an entry that are no address.</param>
internal readonly record struct StaticsLayout(
    int Flags2, int Auxiliary, int Module, int StaticsByteCount, int References, int Values, ulong PointerMask,
    int TypeMap, int MapTable, int MapNext, int MapCount, int MapFlags)
{
    /// <summary>Reads the layout; null when the runtime does not publish all of it.</summary>
    public static StaticsLayout? TryRead()
    {
        if (RuntimeContract.TryRead(out _) is not { } contract)
        {
            return null;
        }

        StaticsLayout layout = new(
            contract.FieldOffset("MethodTable", "MTFlags2"), contract.FieldOffset("MethodTable", "AuxiliaryData"),
            contract.FieldOffset("MethodTable", "Module"), contract.TypeByteCount("DynamicStaticsInfo"),
            contract.FieldOffset("DynamicStaticsInfo", "GCStatics"),
            contract.FieldOffset("DynamicStaticsInfo", "NonGCStatics"), (ulong)contract.Number("StaticsPointerMask"),
            contract.FieldOffset("Module", "TypeDefToMethodTableMap"), contract.FieldOffset("ModuleLookupMap", "TableData"),
            contract.FieldOffset("ModuleLookupMap", "Next"), contract.FieldOffset("ModuleLookupMap", "Count"),
            contract.FieldOffset("ModuleLookupMap", "SupportedFlagsMask"));
        int[] offsets =
        [
            layout.Flags2, layout.Auxiliary, layout.Module, layout.References, layout.Values, layout.TypeMap, layout.MapTable,
            layout.MapNext, layout.MapCount, layout.MapFlags,
        ];
        // A mask that is not published reads as all ones.
        bool isComplete = Array.TrueForAll(offsets, static offset => offset >= 0)
            && layout.StaticsByteCount > 0 && layout.PointerMask != ulong.MaxValue;
        return isComplete ? layout : null;
    }
}
