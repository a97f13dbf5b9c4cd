// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where the kernel itself keeps the coarse clock's reading, in the page that it shares with every process.
// Who calls it: CoarseClock finds it and checks it; an allocation compares it with the reading it remembers.
// The one idea: whether the clock still stands where it stood needs no call, only two words; what they are is learned, never
// presumed: they are believed only once they have followed the clock through several changes, and no longer once they
// differ from it.
// Safety: the page is read by a system call first, which fails where reading would; it stays mapped for the process's life.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>The two words. Thread-safe; no GC memory after <see cref="Find"/>.</summary>
internal static unsafe class CoarsePage
{
    private const int PageByteCount = 4096, PageCount = 8;
    private const nint CloseOnExec = 0x80000;

    // Changes seen before the words are believed: three are some 12 milliseconds.
    private const int NeededChanges = 3;

    private const int Attempts = 3;

    // Plain static fields: no class constructor ever runs inside a hook.
    private static TimeSpec* s_nowhere;
    private static TimeSpec* s_found;
    private static TimeSpec* s_words;
    private static TimeSpec** s_wordsAddress;
    private static TimeSpec s_last;
    private static int s_changes;

    /// <summary>Whether the clock's reading is this one still. False also when nobody can tell. Pre: <see cref="Find"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Stands(TimeSpec* reading)
    {
        TimeSpec* words = s_words;
        // Order: each word is one load; both equal mean that no time has passed, since the clock never goes back.
        return Volatile.Read(ref words->Nanoseconds) == reading->Nanoseconds && Volatile.Read(ref words->Seconds) == reading->Seconds;
    }

    /// <summary>Where machine code finds the words that <see cref="Stands"/> compares with; null before <see cref="Find"/>.</summary>
    public static TimeSpec** WordsAddress => s_wordsAddress;

    /// <summary>Whether the words are believed.</summary>
    public static bool IsUsed => s_words != s_nowhere;

    /// <summary>Looks for the words below the vDSO. Idempotent, cold; without success the clock is asked each time.</summary>
    /// <param name="vdso">Where the vDSO lies; 0 = not known.</param>
    public static void Find(nuint vdso)
    {
        if (s_nowhere != null)
        {
            return;
        }

        TimeSpec* nowhere = (TimeSpec*)RuntimeHelpers.AllocateTypeAssociatedMemory(
            typeof(CoarsePage), sizeof(TimeSpec) + sizeof(TimeSpec*));
        // Never the clock's: no second has so many nanoseconds.
        nowhere->Nanoseconds = long.MaxValue;
        s_wordsAddress = (TimeSpec**)(nowhere + 1);
        s_nowhere = s_found = nowhere;
        Use(nowhere);
        RawSyscall.Initialize();
        // The clock may move while it is looked for.
        for (int i = 0; i < Attempts && s_found == s_nowhere; i++)
        {
            FindOnce(vdso);
        }
    }

    private static void FindOnce(nuint vdso)
    {
        int* pipe = stackalloc int[2];
        if (vdso == 0 || RawSyscall.Invoke(SyscallNumber.Pipe2, (nint)pipe, CloseOnExec) != 0)
        {
            return;
        }

        TimeSpec* page = stackalloc TimeSpec[PageByteCount / sizeof(TimeSpec)];
        int matches = 0;
        for (int i = 1; i <= PageCount; i++)
        {
            nuint address = vdso - (nuint)(i * PageByteCount);
            // A system call fails where a load would fault: not every page there can be read.
            if (RawSyscall.Invoke(SyscallNumber.Write, pipe[1], (nint)address, PageByteCount) == PageByteCount
                && RawSyscall.Invoke(SyscallNumber.Read, pipe[0], (nint)page, PageByteCount) == PageByteCount)
            {
                matches += Search((long*)page, address);
            }
        }

        RawSyscall.Invoke(SyscallNumber.Close, pipe[0]);
        RawSyscall.Invoke(SyscallNumber.Close, pipe[1]);
        s_found = matches == 1 ? s_found : s_nowhere;
    }

    /// <summary>Compares the words with a fresh reading of the clock. No GC memory.</summary>
    public static void Check(TimeSpec* now)
    {
        TimeSpec* found = s_found;
        if (found == s_nowhere)
        {
            return;
        }

        // The clock may have moved between the reading and this look: then it is not judged.
        TimeSpec again;
        bool isSame = found->Seconds == now->Seconds && found->Nanoseconds == now->Nanoseconds;
        CoarseClock.Read(&again);
        if (again.Nanoseconds != now->Nanoseconds || again.Seconds != now->Seconds)
        {
            return;
        }

        if (!isSame)
        {
            s_found = s_nowhere;
            Use(s_nowhere);
        }
        else if (s_words == s_nowhere && (s_last.Nanoseconds != now->Nanoseconds || s_last.Seconds != now->Seconds))
        {
            // Threads may disturb each other here; what they count too much or too little are changes all the same.
            s_last = *now;
            Use(++s_changes > NeededChanges ? found : s_nowhere);
        }
    }

    // Order: either address may be seen a while longer: at both the clock is compared with itself, or with no time at all.
    private static void Use(TimeSpec* words)
    {
        s_words = words;
        *s_wordsAddress = words;
    }

    // How often the clock's reading stands in a copy of a page.
    private static int Search(long* words, nuint address)
    {
        TimeSpec now;
        CoarseClock.Read(&now);
        int matches = 0;
        for (int i = 0; i + 1 < PageByteCount / sizeof(long); i++)
        {
            if (words[i] == now.Seconds && words[i + 1] == now.Nanoseconds)
            {
                s_found = (TimeSpec*)(address + (nuint)(i * sizeof(long)));
                matches++;
            }
        }

        return matches;
    }
}
