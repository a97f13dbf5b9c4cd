// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: fills the table by which precise scans read objects, from the types that scans have met.
// Who calls it: SnapshotScan, between two clones; never while threads are stopped.
// The one idea: a table, not a walk, so that the child needs no knowledge of fields; what cannot be described is read by
// words, which can only hide a leak.
// Safety: entries and marks lie in pages of ours that are never given back; the counters below bound every write.
using NativeLeak.Interop;
using NativeLeak.Roots;

namespace NativeLeak.Naming;

/// <summary>The parent's side of <see cref="TypeLayoutTable"/>. Used by the scanner thread alone.</summary>
internal sealed unsafe class TypeLayouts
{
    private const uint MaximumTypes = TypeLayoutTable.Capacity / 2;
    private const nuint MarkByteCount = 1 << 20;

    private TypeLayoutTable* _table;
    private ulong* _marks;
    private nuint _marksUsed;
    private uint _typeCount;

    /// <summary>The table; null when it cannot be had: no pages, or fields that cannot be located here.</summary>
    public TypeLayoutTable* Table
    {
        get
        {
            if (_table == null && FieldLayout.IsVerified)
            {
                Create();
            }

            return _table;
        }
    }

    /// <summary>Describes what the last scan met.</summary>
    /// <returns>How many types are known now and were not before; a scan made now reads them by their fields.</returns>
    public int AddMet()
    {
        int added = 0;
        nuint* unknown = _table->Unknown;
        nuint count = Math.Min(unknown[0], TypeLayoutTable.UnknownCapacity);
        for (nuint i = 1; i <= count; i++)
        {
            added += TryAdd(unknown[i]) ? 1 : 0;
        }

        unknown[0] = 0;
        return added;
    }

    private bool TryAdd(nuint methodTable)
    {
        TypeLayout* entry = FreeEntry(methodTable);
        if (entry == null || _typeCount == MaximumTypes)
        {
            return false;
        }

        TypeWords words = TypeWords.Any;
        PointerMap? map = null;
        try
        {
            if (MethodTables.TryGetType(methodTable, out MethodTableFacts facts) is { } type)
            {
                words = PointerMap.Describe(type, facts, out map);
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A type that reflection cannot take apart is read by words.
        }

        nuint markWords = map is null ? 0 : (nuint)map.Marks.Length;
        if ((_marksUsed + markWords) * sizeof(ulong) > MarkByteCount)
        {
            return false;
        }

        for (nuint i = 0; i < markWords; i++)
        {
            _marks[_marksUsed + i] = map!.Marks[i];
        }

        entry->Marks = _marks + _marksUsed;
        entry->StepCount = map?.StepCount ?? 0;
        entry->Words = words;
        entry->MethodTable = methodTable;
        _marksUsed += markWords;
        _typeCount++;
        return words != TypeWords.Any;
    }

    private TypeLayout* FreeEntry(nuint methodTable)
    {
        uint slot = TypeLayoutTable.SlotOf(methodTable);
        for (uint probe = 0; probe < TypeLayoutTable.MaximumProbes; probe++)
        {
            TypeLayout* entry = _table->Entries + ((slot + probe) & (TypeLayoutTable.Capacity - 1));
            if (entry->MethodTable == 0)
            {
                return entry;
            }
        }

        return null;
    }

    private void Create()
    {
        IPageSource pages = Platform.Pages;
        TypeLayoutTable* table = (TypeLayoutTable*)pages.AllocatePrivate(pages.PageByteCount);
        nuint entries = pages.AllocatePrivate(TypeLayoutTable.Capacity * (nuint)sizeof(TypeLayout));
        nuint marks = pages.AllocatePrivate(MarkByteCount);
        nuint unknownByteCount = ((TypeLayoutTable.UnknownCapacity + 1) * (nuint)sizeof(nuint)) + pages.PageByteCount - 1;
        nuint unknown = pages.AllocateShared(unknownByteCount & ~(pages.PageByteCount - 1));
        if (table != null && entries != 0 && marks != 0 && unknown != 0)
        {
            table->Entries = (TypeLayout*)entries;
            table->Unknown = (nuint*)unknown;
            _marks = (ulong*)marks;
            _table = table;
        }
    }
}
