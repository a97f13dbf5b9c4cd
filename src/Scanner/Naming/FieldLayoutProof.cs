// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the test that the private layout of a FieldDesc must pass before anything is said with it.
// Who calls it: FieldLayout, once per process.
// The one idea: a reference to a field shows where the field really lies, whatever the runtime writes about it.
// Safety: offsets are differences of references into one live object; nothing is read through them.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace NativeLeak.Naming;

/// <summary>Known types, whose fields the runtime reorders, and their true offsets.</summary>
internal static unsafe class FieldLayoutProof
{
    /// <summary>Whether every known field is where its FieldDesc says, and of its kind. Never throws.</summary>
    public static bool Holds()
    {
        try
        {
            return HoldsForClasses() && HoldsForGenerics() && HoldsForStructs();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // What reflection refuses here it would refuse later: fields then have no names.
            return false;
        }
    }

    private static bool HoldsForClasses()
    {
        Derived o = new();
        nint pointer;
        fixed (int** field = &o.Pointer)
        fixed (byte* start = &Start(o))
        {
            pointer = (nint)((byte*)field - start);
        }

        return Agrees<Base>(nameof(Base.Small), Offset(o, ref o.Small), ElementKind.Byte)
            && Agrees<Base>(nameof(Base.Name), Offset(o, ref o.Name), ElementKind.Class)
            && Agrees<Base>(nameof(Base.Wide), Offset(o, ref o.Wide), ElementKind.Double)
            && Agrees<Derived>(nameof(Derived.Word), Offset(o, ref o.Word), ElementKind.NativeInt)
            && Agrees<Derived>(nameof(Derived.Texts), Offset(o, ref o.Texts), ElementKind.Class)
            && Agrees<Derived>(nameof(Derived.Two), Offset(o, ref o.Two), ElementKind.Struct)
            && Agrees<Derived>(nameof(Derived.Pointer), pointer, ElementKind.Pointer)
            && Agrees<Derived>(nameof(Derived.Last), Offset(o, ref o.Last), ElementKind.Char);
    }

    private static bool HoldsForGenerics()
    {
        Generic<string> shared = new();
        Generic<Pair> own = new();
        return Agrees<Generic<string>>(nameof(shared.Value), Offset(shared, ref shared.Value), ElementKind.Class)
            && Agrees<Generic<string>>(nameof(shared.Count), Offset(shared, ref shared.Count), ElementKind.Long)
            && Agrees<Generic<Pair>>(nameof(own.Value), Offset(own, ref own.Value), ElementKind.Struct)
            && Agrees<Generic<Pair>>(nameof(own.Count), Offset(own, ref own.Count), ElementKind.Long);
    }

    private static bool HoldsForStructs()
    {
        Pair pair = default;
        ref byte start = ref Unsafe.As<Pair, byte>(ref pair);
        return Agrees<Pair>(nameof(pair.Left), Unsafe.ByteOffset(ref start, ref Unsafe.As<int, byte>(ref pair.Left)), ElementKind.Int)
            && Agrees<Pair>(nameof(pair.Right), Unsafe.ByteOffset(ref start, ref Unsafe.As<ulong, byte>(ref pair.Right)), ElementKind.UnsignedLong);
    }

    [UnconditionalSuppressMessage("Trimming", "IL2090", Justification = Trimmed.Fields)]
    private static bool Agrees<T>(string name, nint offset, ElementKind kind)
        => typeof(T).GetField(name, FieldLayout.OwnFields) is { } field
            && FieldLayout.TryRead(field, out uint found, out ElementKind foundKind) && found == offset && foundKind == kind;

    private static nint Offset<T>(object o, ref T field) => Unsafe.ByteOffset(ref Start(o), ref Unsafe.As<T, byte>(ref field));

    // The first byte behind the MethodTable word of any object.
    private static ref byte Start(object o) => ref Unsafe.As<First>(o).Byte;

    private sealed class First
    {
        public byte Byte;
    }

    private class Base
    {
        public byte Small;
        public string? Name;
        public double Wide;
    }

    private sealed class Derived : Base
    {
        public char Last;
        public nint Word;
        public string[]? Texts;
        public Pair Two;
        public int* Pointer;
    }

    private sealed class Generic<T>
    {
        public T? Value;
        public long Count;
    }

    private struct Pair
    {
        public int Left;
        public ulong Right;
    }
}
