// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one pointer-sized word of our own in every thread's control block, which machine code reads in one load.
// Who calls it: NativeHeap/Allocation sets it once per thread; the stubs of MachineCode.Frames read it.
// The one idea: glibc keeps the first 32 keys of pthread_key_create inside the control block, at a distance from fs:0 that is
// the same for all threads. It is learned, not known: a value is set through the key and looked for. A thread begins with 0
// there, and glibc clears it again before the memory becomes another thread's.
// Safety: only words inside the control block are read, which every glibc for x64 makes at least this large.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>A thread-local word that needs no call to be read. Where it cannot be had, readers find 0.</summary>
internal static unsafe class ThreadSlot
{
    // The block of keys lies at 0x310 in glibc 2.36; struct pthread has 0x900 bytes and more since 2.4.
    private const int FirstOffset = 0x80, EndOffset = 0x700;

    // Not likely to stand there by chance, and never looked at as addresses.
    private const ulong FirstProbe = 0x4E4C_5053_0B1A_6D01, SecondProbe = 0x4E4C_5053_9E37_79B9;

    private static uint s_key;
    private static delegate* unmanaged[SuppressGCTransition]<uint, nuint, int> s_set;

    /// <summary>Distance of the word from fs:0; 0 while there is none.</summary>
    public static int Offset { get; private set; }

    /// <summary>Creates the key and learns where its values are kept. Idempotent, cold; without success there is none.</summary>
    public static void Initialize()
    {
        if (s_set != null || !NativeLibrary.TryLoad("libc.so.6", out nint libc)
            || !NativeLibrary.TryGetExport(libc, "pthread_key_create", out nint create)
            || !NativeLibrary.TryGetExport(libc, "pthread_setspecific", out nint set))
        {
            return;
        }

        // Safety: the prototypes of pthread.h; both return at once and call nothing back.
        uint key;
        if (((delegate* unmanaged<uint*, void*, int>)create)(&key, null) == 0)
        {
            s_key = key;
            s_set = (delegate* unmanaged[SuppressGCTransition]<uint, nuint, int>)set;
            Offset = Learn((nuint*)MachineCode.ThreadControlBlock());
        }
    }

    /// <summary>Sets the calling thread's word. Legal inside a hook. False when it does not arrive there.</summary>
    public static bool TrySet(nuint value)
        => Offset != 0 && s_set(s_key, value) == 0 && *(nuint*)(MachineCode.ThreadControlBlock() + (nuint)Offset) == value;

    // The only word that follows what is set through the key; 0 when there is none, or more than one.
    private static int Learn(nuint* threadControlBlock)
    {
        int found = 0, count = 0;
        for (int offset = FirstOffset; offset < EndOffset; offset += sizeof(nuint))
        {
            nuint* word = (nuint*)((byte*)threadControlBlock + offset);
            if (*word == 0 && Follows(word, FirstProbe) && Follows(word, SecondProbe) && Follows(word, 0))
            {
                found = offset;
                count++;
            }
        }

        return count == 1 ? found : 0;
    }

    private static bool Follows(nuint* word, ulong value)
    {
        bool isSet = s_set(s_key, (nuint)value) == 0 && *word == value;
        s_set(s_key, 0);
        return isSet;
    }
}
