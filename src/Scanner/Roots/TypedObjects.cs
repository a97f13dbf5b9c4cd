// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads an object by the fields of its type instead of by words.
// Who calls it: ObjectTracer, in precise scans.
// The one idea: where the type is known, only what can hold an address is taken for one; where it is not, every word is,
// and the type is noted for the parent.
// Safety: the table was written by the parent before the clone; the object proved to lie in committed memory, and no word
// is read past its end.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Typed reading in the child.</summary>
[ChildCode]
internal static unsafe class TypedObjects
{
    private const nuint ProgressElements = 1 << 20;

    /// <summary>Reads the object at <paramref name="o"/>, whose fields end at <paramref name="end"/>.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Scan(ChildState* state, nuint o, nuint end)
    {
        ref readonly ManagedHeapLayout managed = ref state->Context->Managed;
        nuint type = Peek.Word(state, o) & ~managed.MethodTableUnmask;
        TypeLayout* layout = Peek.IsAllowed(state) ? Find(state->Context->Types, type) : null;
        if (layout == null || layout->Words == TypeWords.Any)
        {
            Marker.ScanWords(state, o + 8, end);
            return;
        }

        if (layout->Words == TypeWords.Fields)
        {
            ScanMarked(state, layout, o + 8, end);
            return;
        }

        if (layout->Words == TypeWords.Elements)
        {
            nuint elementByteCount = layout->StepCount * 4;
            nuint element = o + Peek.Half(state, type + (nuint)managed.BaseSizeOffset) - 8;
            for (nuint i = Peek.Half(state, o + (nuint)managed.ComponentCountOffset); i > 0 && element < end; i--)
            {
                ScanMarked(state, layout, element, end);
                element += elementByteCount;
                if ((i & (ProgressElements - 1)) == 0)
                {
                    state->View->Progress++;
                }
            }
        }
    }

    /// <summary>Notes a type the parent has not described yet. Called once for each type a scan meets.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Meet(TypeLayoutTable* table, nuint type)
    {
        nuint* unknown = table->Unknown;
        if (unknown[0] < TypeLayoutTable.UnknownCapacity && Find(table, type) == null)
        {
            unknown[++unknown[0]] = type;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static TypeLayout* Find(TypeLayoutTable* table, nuint type)
    {
        uint slot = TypeLayoutTable.SlotOf(type);
        for (uint probe = 0; probe < TypeLayoutTable.MaximumProbes; probe++)
        {
            TypeLayout* entry = table->Entries + ((slot + probe) & (TypeLayoutTable.Capacity - 1));
            if (entry->MethodTable == type)
            {
                return entry;
            }

            if (entry->MethodTable == 0)
            {
                break;
            }
        }

        return null;
    }

    [MethodImpl(ChildCode.Options)]
    private static void ScanMarked(ChildState* state, TypeLayout* layout, nuint start, nuint end)
    {
        for (uint step = 0; step < layout->StepCount; step++)
        {
            nuint at = start + (step * 4);
            if ((layout->Marks[step >> 6] & (1UL << (int)(step & 63))) != 0 && at + 8 <= end)
            {
                Marker.ScanWord(state, Peek.Word(state, at), at);
            }
        }
    }
}
