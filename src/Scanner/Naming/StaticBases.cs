// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the static fields' places of all loaded types, in order of address.
// Who calls it: StaticFields, once per report that has something to name.
// The one idea: the runtime's own map of each module lists the types that are loaded, so nothing is loaded by looking; all
// of it is read fault-safely, since the offsets are the runtime's word only.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.Interop;

namespace NativeLeak.Naming;

/// <summary>Collects where types keep their static fields. Cold: milliseconds.</summary>
internal sealed class StaticBases
{
    // MTFlags2 of the contract RuntimeTypeSystem, version 1 (dotnet/runtime docs/design/datacontracts): the type has a
    // DynamicStaticsInfo.
    private const uint HasStatics = 0x0002;

    // The first row of the table of type definitions: every module has it, and it has no code.
    private const int ModuleTypeToken = 0x0200_0001;

    // A program with more types than that gets names for those it loaded first.
    private const int MaximumTypes = 1 << 18, MaximumMaps = 1 << 12;

    private readonly StaticsLayout _layout;
    private readonly List<StaticBase> _values = [], _references = [];
    private int _typeCount;

    /// <summary>Looks at every module that is loaded for good.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Trimmed.Names)]
    public StaticBases(in StaticsLayout layout)
    {
        _layout = layout;
        foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies())
        {
            // The runtime may give memory of collectible types back at any moment; dynamic modules change.
            if (!assembly.IsCollectible && !assembly.IsDynamic)
            {
                Add((ulong)assembly.ManifestModule.ModuleHandle.ResolveTypeHandle(ModuleTypeToken).Value);
            }
        }

        _values.Sort(static (left, right) => left.Start.CompareTo(right.Start));
        _references.Sort(static (left, right) => left.Start.CompareTo(right.Start));
    }

    /// <summary>Places of fields that are numbers or pointers.</summary>
    public IReadOnlyList<StaticBase> Values => _values;

    /// <summary>Places of fields that are references, boxed structs among them: elements of arrays of the runtime's.</summary>
    public IReadOnlyList<StaticBase> References => _references;

    private void Add(ulong moduleType)
    {
        if (!TryReadWord(moduleType, _layout.Module, out ulong module))
        {
            return;
        }

        ulong map = module + (ulong)_layout.TypeMap;
        for (int i = 0; map != 0 && i < MaximumMaps && _typeCount < MaximumTypes; i++)
        {
            if (!TryReadWord(map, _layout.MapTable, out ulong table) || !TryReadWord(map, _layout.MapCount, out ulong count)
                || !TryReadWord(map, _layout.MapFlags, out ulong flags) || !TryReadWord(map, _layout.MapNext, out map))
            {
                return;
            }

            AddTable(table, (uint)count, flags);
        }
    }

    private void AddTable(ulong table, uint count, ulong flags)
    {
        ulong[] types = new ulong[Math.Min(count, (uint)(MaximumTypes - _typeCount))];
        int read = (int)Platform.Memory.Read((nuint)table, MemoryMarshal.AsBytes(types.AsSpan())) / sizeof(ulong);
        for (int i = 0; i < read; i++)
        {
            ulong type = types[i] & ~flags;
            if (type != 0)
            {
                _typeCount++;
                AddType(type);
            }
        }
    }

    private void AddType(ulong type)
    {
        if (TryReadWord(type, _layout.Flags2, out ulong flags) && (flags & HasStatics) != 0
            && TryReadWord(type, _layout.Auxiliary, out ulong auxiliary)
            && TryReadWord(auxiliary, _layout.Values - _layout.StaticsByteCount, out ulong values)
            && TryReadWord(auxiliary, _layout.References - _layout.StaticsByteCount, out ulong references))
        {
            Add(_values, values & _layout.PointerMask, type);
            Add(_references, references & _layout.PointerMask, type);
        }
    }

    private static void Add(List<StaticBase> bases, ulong start, ulong type)
    {
        if (start != 0)
        {
            bases.Add(new StaticBase(start, type));
        }
    }

    private static bool TryReadWord(ulong address, int offset, out ulong word)
    {
        word = 0;
        return Platform.Memory.Read(
            (nuint)unchecked(address + (ulong)offset), MemoryMarshal.AsBytes(new Span<ulong>(ref word))) == sizeof(ulong);
    }
}
