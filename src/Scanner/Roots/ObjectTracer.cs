// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: conservative tracing of the managed heap inside the frozen child, without the garbage collector's help.
// Who calls it: Marker, for every word that points into the heap's reserve.
// The one idea: a word is followed only when it points at something that proves to be an object (its MethodTable and
// EEClass point at each other, and it fits into committed memory); so a dead object keeps no block alive, and a wrong
// guess can only keep a block alive that is lost, never the other way round.
// Safety: an object is read only after it proved to lie wholly in committed memory; a type after it proved readable.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Marking;

namespace NativeLeak.Roots;

/// <summary>Follows managed references in the child.</summary>
[ChildCode]
internal static unsafe class ObjectTracer
{
    private const nuint TypeCapacity = 1 << 16;
    private const long InteriorCapacity = 1 << 22;
    private const long StepLimit = 400_000_000;

    // Smallest object: header, MethodTable, one field; largest base size CoreCLR makes is far below this.
    private const uint MinimumBaseSize = 24, MaximumBaseSize = 1 << 28;
    private const uint HasComponentSize = 0x80000000;

    /// <summary>Takes memory for the bitmaps; false when refused (the heap is then read conservatively).</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool Initialize(ChildState* state)
    {
        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        nuint reserve = layout.HeapEnd - layout.HeapStart;
        nuint committed = 0;
        for (int i = 0; i < state->Heap.Count; i++)
        {
            committed += state->Heap.Items[i].End - state->Heap.Items[i].Start;
        }

        ObjectTracerState* objects = &state->Objects;
        objects->FrontierCapacity = (long)(committed / MinimumBaseSize) + 1024;
        objects->Reached = (ulong*)ChildArena.Allocate((reserve / 64) + 8);
        objects->Frontier = (nuint*)ChildArena.Allocate((nuint)objects->FrontierCapacity * 8);
        objects->Interiors = (nuint*)ChildArena.Allocate((nuint)InteriorCapacity * 8);
        objects->Types = (nuint*)ChildArena.Allocate(TypeCapacity * 8);
        objects->EmptyPages = (ulong*)ChildArena.Allocate((reserve / (4096 * 8)) + 8);
        objects->StepsLeft = StepLimit;
        return objects->Reached != null && objects->Frontier != null && objects->Interiors != null
            && objects->Types != null && objects->EmptyPages != null;
    }

    /// <summary>Marks what a word in the reserve points at: an object's start anywhere, its middle from a stack or register.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Mark(ChildState* state, nuint word)
    {
        if ((word & 7) == 0 && TryReach(state, word))
        {
            return;
        }

        ObjectTracerState* objects = &state->Objects;
        if (state->ObjectInteriorsCount == 0)
        {
            return;
        }

        if (objects->InteriorCount == InteriorCapacity)
        {
            state->Context->Counters->Warnings |= (long)Verdicts.ScanWarning.TableOverflow;
            return;
        }

        objects->Interiors[objects->InteriorCount++] = word;
    }

    /// <summary>Reads one reached object, or resolves one interior pointer; false when nothing is left.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool ScanNext(ChildState* state)
    {
        ObjectTracerState* objects = &state->Objects;
        if (state->Tracing == 0)
        {
            return false;
        }

        if (objects->FrontierCount > 0)
        {
            nuint o = objects->Frontier[--objects->FrontierCount];
            if (state->Reader != null && !IsObject(state, o))
            {
                return true; // the collector moved it since it was reached: the next look meets it where it is then
            }

            nuint byteCount = ByteCount(state, o);
            if ((++state->Context->Counters->ObjectsTraced & 0xFFFF) == 0)
            {
                state->View->Progress++;
            }

            // The header word lies before the reference: the object's last field ends 8 bytes before the next header.
            objects->Current = o;
            if (state->Context->Types != null)
            {
                TypedObjects.Scan(state, o, o + byteCount - 8);
            }
            else
            {
                Marker.ScanWords(state, o + 8, o + byteCount - 8);
            }

            objects->Current = 0;
            return true;
        }

        if (objects->InteriorCount > 0)
        {
            nuint o = FindEnclosing(state, objects->Interiors[--objects->InteriorCount]);
            if (o != 0)
            {
                state->Context->Counters->InteriorResolved++;
                TryReach(state, o);
            }

            return true;
        }

        return false;
    }

    // True when an object starts here (reached now or before).
    [MethodImpl(ChildCode.Options)]
    private static bool TryReach(ChildState* state, nuint o)
    {
        ObjectTracerState* objects = &state->Objects;
        nuint bit = (o - state->Context->Managed.HeapStart) >> 3;
        ulong mask = 1UL << (int)(bit & 63);
        if ((objects->Reached[bit >> 6] & mask) != 0)
        {
            return true;
        }

        if (!IsObject(state, o))
        {
            return false;
        }

        objects->Reached[bit >> 6] |= mask;
        if (state->Parents.Slots != null)
        {
            Questions.ObjectParents.Add(state, o);
        }

        if (objects->FrontierCount == objects->FrontierCapacity)
        {
            state->Context->Counters->Warnings |= (long)Verdicts.ScanWarning.TableOverflow;
            return true;
        }

        objects->Frontier[objects->FrontierCount++] = o;
        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool IsObject(ChildState* state, nuint o)
    {
        nuint left = CommittedFrom(state, o);
        if (left < MinimumBaseSize - 8)
        {
            return false;
        }

        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        nuint type = Peek.Word(state, o) & ~layout.MethodTableUnmask;
        return type != 0 && type != layout.FreeObjectMethodTable && IsType(state, type) && ByteCount(state, o) - 8 <= left;
    }

    /// <summary>Bytes an object occupies, its header included, rounded up to 8.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint ByteCount(ChildState* state, nuint o)
    {
        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        nuint type = Peek.Word(state, o) & ~layout.MethodTableUnmask;
        uint flags = Peek.Half(state, type + (nuint)layout.FlagsOffset);
        nuint byteCount = Peek.Half(state, type + (nuint)layout.BaseSizeOffset);
        if ((flags & HasComponentSize) != 0)
        {
            byteCount += (nuint)(flags & 0xFFFF) * Peek.Half(state, o + (nuint)layout.ComponentCountOffset);
        }

        return (byteCount + 7) & ~(nuint)7;
    }

    // A MethodTable: readable, of a plausible size, and its EEClass points back at it (or at its canonical one).
    [MethodImpl(ChildCode.Options)]
    private static bool IsType(ChildState* state, nuint type)
    {
        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        if ((type & 7) != 0 || type < 65536 || type - layout.HeapStart < layout.HeapEnd - layout.HeapStart)
        {
            return false;
        }

        nuint slot = (nuint)(((ulong)type * 0x9E3779B97F4A7C15UL) >> 48);
        nuint* types = state->Objects.Types;
        for (nuint probe = 0; probe < 8; probe++)
        {
            nuint found = types[(slot + probe) & (TypeCapacity - 1)];
            if (found == type)
            {
                return true;
            }

            if (found == type + 1)
            {
                return false;
            }

            if (found == 0)
            {
                break;
            }
        }

        bool valid = Validate(state, type);
        for (nuint probe = 0; probe < 8; probe++)
        {
            nuint* entry = types + ((slot + probe) & (TypeCapacity - 1));
            if (*entry == 0)
            {
                *entry = valid ? type : type + 1;
                break;
            }
        }

        if (valid && state->Context->Types != null)
        {
            TypedObjects.Meet(state->Context->Types, type);
        }

        state->Context->Counters->ObjectsRejected += valid ? 0 : 1;
        return valid;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool Validate(ChildState* state, nuint type)
    {
        ref readonly ManagedHeapLayout layout = ref state->Context->Managed;
        nuint typeByteCount = (nuint)layout.MethodTableByteCount, classOffset = (nuint)layout.ClassOrCanonOffset;
        if (!Extents.Contains(&state->Readable, type, typeByteCount))
        {
            return false;
        }

        uint baseSize = Peek.Half(state, type + (nuint)layout.BaseSizeOffset);
        if (baseSize is < MinimumBaseSize or >= MaximumBaseSize)
        {
            return false;
        }

        nuint link = Peek.Word(state, type + classOffset), canonical = type;
        if ((link & 1) != 0)
        {
            canonical = link & ~(nuint)1;
            if ((canonical & 7) != 0 || !Extents.Contains(&state->Readable, canonical, typeByteCount))
            {
                return false;
            }

            link = Peek.Word(state, canonical + classOffset);
        }

        nuint back = link + (nuint)layout.ClassMethodTableOffset;
        return link != 0 && (link & 7) == 0 && Extents.Contains(&state->Readable, back, 8) && Peek.Word(state, back) == canonical;
    }

    // Committed bytes from address to the end of its piece of the heap; 0 when it lies in none.
    [MethodImpl(ChildCode.Options)]
    private static nuint CommittedFrom(ChildState* state, nuint address)
    {
        int extent = state->Objects.LastExtent;
        if (extent >= state->Heap.Count || address - state->Heap.Items[extent].Start
            >= state->Heap.Items[extent].End - state->Heap.Items[extent].Start)
        {
            extent = Extents.Find(&state->Heap, address);
            if (extent < 0)
            {
                return 0;
            }

            state->Objects.LastExtent = extent;
        }

        return state->Heap.Items[extent].End - address;
    }

    /// <summary>Walks back from the middle of an object (a span or a ref in a frame) to its start; 0 when it lies in no
    /// object.</summary>
    [MethodImpl(ChildCode.Options)]
    public static nuint FindEnclosing(ChildState* state, nuint word)
    {
        if (CommittedFrom(state, word) == 0)
        {
            return 0;
        }

        ObjectTracerState* objects = &state->Objects;
        nuint heap = state->Context->Managed.HeapStart;
        nuint floor = state->Heap.Items[objects->LastExtent].Start;
        nuint p = word & ~(nuint)7;
        bool sawStart = false;
        while (p >= floor)
        {
            nuint page = (p - heap) >> 12;
            if ((objects->EmptyPages[page >> 6] & (1UL << (int)(page & 63))) != 0)
            {
                p = heap + (page << 12) - 8;
                sawStart = false;
                continue;
            }

            if (--objects->StepsLeft <= 0)
            {
                state->Context->Counters->Warnings |= (long)Verdicts.ScanWarning.TableOverflow;
                return 0;
            }

            if (IsObject(state, p))
            {
                sawStart = true;
                if (p + ByteCount(state, p) - 8 > word)
                {
                    return p;
                }

                if (StartsChain(state, p))
                {
                    return 0; // real objects end before the word: it points into unused memory between them
                }
            }

            if (((p - heap) & 4095) == 0)
            {
                // A page walked from its top to its bottom without any start is never walked again.
                if (!sawStart && (word >> 12) != (p >> 12))
                {
                    objects->EmptyPages[page >> 6] |= 1UL << (int)(page & 63);
                }

                sawStart = false;
            }

            p -= 8;
        }

        return 0;
    }

    // Whether at least two more objects (or fillers) follow one another from here: a word inside an object that merely
    // looks like a MethodTable does not.
    [MethodImpl(ChildCode.Options)]
    private static bool StartsChain(ChildState* state, nuint o)
    {
        nuint freeObject = state->Context->Managed.FreeObjectMethodTable;
        for (int links = 0; links < 2; links++)
        {
            o += ByteCount(state, o);
            if (CommittedFrom(state, o) < MinimumBaseSize)
            {
                return false;
            }

            nuint type = Peek.Word(state, o) & ~state->Context->Managed.MethodTableUnmask;
            if (type != freeObject && !IsObject(state, o))
            {
                return false;
            }
        }

        return true;
    }
}
