// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the test that the published layout of static fields must pass before anything is said with it.
// Who calls it: StaticFields, once per process.
// The one idea: a reference to a static field shows where the field really lies. Statics that are no references never move,
// and the runtime's arrays of those that are do not either.
// Safety: addresses are only compared with numbers; nothing is read through them.
using System.Runtime.CompilerServices;

namespace NativeLeak.Naming;

/// <summary>Known static fields and their true places.</summary>
internal static unsafe class StaticFieldProof
{
    /// <summary>Whether every known static field is found by its address, and by no other. Never throws.</summary>
    public static bool Holds(in StaticsLayout layout)
    {
        try
        {
            // A type has a place for its static fields once it was used.
            RuntimeHelpers.RunClassConstructor(typeof(Known).TypeHandle);
            StaticBases bases = new(layout);
            string type = HolderNames.OfType(typeof(Known)) + ".";
            return Finds(bases, ref Known.Small, isReference: false, type + nameof(Known.Small))
                && Finds(bases, ref Known.Word, isReference: false, type + nameof(Known.Word))
                && Finds(bases, ref Known.Long, isReference: false, type + nameof(Known.Long))
                && Finds(bases, ref Known.Text, isReference: true, type + nameof(Known.Text))
                && Finds(bases, ref Known.Words, isReference: true, type + nameof(Known.Words));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // What reflection refuses here it would refuse later: static fields then have no names.
            return false;
        }
    }

    private static bool Finds<T>(StaticBases bases, ref T field, bool isReference, string name)
    {
        ulong address = (ulong)Unsafe.AsPointer(ref Unsafe.As<T, byte>(ref field));
        return StaticFields.Find(isReference ? bases.References : bases.Values, address, isReference) == name
            && StaticFields.Find(isReference ? bases.Values : bases.References, address, !isReference) is null;
    }

    private static class Known
    {
        public static byte Small = 1;
        public static nint Word = 2;
        public static ulong Long = 3;
        public static string? Text = string.Empty;
        public static nint[]? Words = [];
    }
}
