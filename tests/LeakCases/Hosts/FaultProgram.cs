// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: programs to which something happens that a scan must survive: refused system calls, memory that cannot be
// read, threads that cannot be stopped, a debugger.
// Who calls it: Program, for `LeakCases --host NAME`; ScanFaultTests knows what each report must say.
// The one idea: each program prints and ends as HostProgram's do, with the same canary lost; only the fault is added.
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;

namespace LeakCases.Hosts;

/// <summary>Programs with a fault.</summary>
internal static unsafe class FaultProgram
{
    /// <summary>The exit code of every program whose fault took place.</summary>
    public const int ExitCode = 5;

    /// <summary>The exit code where this system has no such thing.</summary>
    public const int NotSupported = 6;

    /// <summary>Bytes of blocks that are held only by what lies beside the fault.</summary>
    public const int HeldByteCount = 2009;

    /// <summary>Bytes of blocks that are held only by what cannot be read.</summary>
    public const int HiddenByteCount = 2041;

    private const int PageByteCount = 4096;
    private const int UnprivilegedUser = 54_321;

    private static nint s_held;

    /// <summary>Each program by its name; the result is the exit code.</summary>
    public static IReadOnlyDictionary<string, Func<int>> All { get; } = new Dictionary<string, Func<int>>
    {
        ["clone-refused"] = static () => With(SystemCallFilter.RefuseForks),
        ["clone-over-the-limit"] = static () => With(AllowNoMoreProcesses),
        ["child-killed"] = static () => With(SystemCallFilter.KillWhoAsksToDieWithItsParent),
        ["reads-refused"] = static () => With(SystemCallFilter.RefuseReads),
        ["every-read-refused"] = static () => With(SystemCallFilter.RefuseReadsAndMemoryFile),
        ["reads-refused-beside-guard-region"] = static () => HoldBesideGuardRegion() ? With(SystemCallFilter.RefuseReads) : NotSupported,
        ["signal-blocked"] = static () => With(static () => PlantingThread.StartActor(BlockSignalAndRun)),
        ["unreadable-page"] = static () => With(static () => HoldInBlock(3, readable: 0)),
        ["readable-pages"] = static () => With(static () => HoldInBlock(3, readable: 1)),
        ["unreadable-block"] = static () => With(static () => HoldInBlock(1, readable: 0)),
        ["guard-region"] = static () => HoldBesideGuardRegion() ? With(static () => { }) : NotSupported,
        ["file-cut-short"] = static () => With(HoldInFileThatShrinks),
        ["many-mappings"] = static () => With(static () => MakeMappings(left: 2_500)),
        ["no-more-mappings"] = static () => With(static () => MakeMappings(left: 0)),
        ["not-dumpable"] = static () => With(static () => Forbid(asRoot: true)),
        ["not-dumpable-without-privileges"] = static () => With(static () => Forbid(asRoot: false)),
        ["processes-without-end"] = static () => With(static () => PlantingThread.StartActor(StartProcesses)),
        ["collections-without-end"] = static () => With(static () => PlantingThread.StartActor(Collect)),
        ["debugged"] = static () => With(Tracer.AttachToThisProcess),
        ["tracer"] = Tracer.Run,
    };

    // The fault comes last: what the program itself could not do any more is not what this is about.
    private static int With(Action fault)
    {
        int exitCode = HostProgram.PrintAndReturn(ExitCode);
        fault();
        return exitCode;
    }

    // As a user's limit on processes does it. Root has no such limit, so it becomes somebody else.
    private static void AllowNoMoreProcesses()
    {
        const int RLIMIT_NPROC = 6;
        ulong* limit = stackalloc ulong[] { 1, 1 };
        BecomeUnprivileged();
        Require(Libc.setrlimit(RLIMIT_NPROC, limit));
    }

    private static void BecomeUnprivileged()
    {
        if (Environment.IsPrivilegedProcess)
        {
            Require(Libc.setresuid(UnprivilegedUser, UnprivilegedUser, UnprivilegedUser));
        }
    }

    private static void Forbid(bool asRoot)
    {
        const int PR_SET_DUMPABLE = 4;
        if (!asRoot)
        {
            BecomeUnprivileged();
        }

        Require(Libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    }

    // The signal that threads are stopped by; a library that blocks all signals on its threads does the same.
    private static void BlockSignalAndRun(Action ready)
    {
        const int SIG_BLOCK = 0;
        const int SIGRTMIN = 34;
        const nint SYS_rt_sigprocmask = 14;
        ulong mask = 1UL << (SIGRTMIN - 1);
        Require((int)Libc.syscall(SYS_rt_sigprocmask, SIG_BLOCK, (nint)(&mask), 0, sizeof(ulong)));
        ready();
        while (true)
        {
            _ = Libc.getpid();
        }
    }

    // A block of whole pages, held by a static field. Its first and last words hold blocks of their own; one in the middle
    // holds a block that nothing else knows, and that page can be made unreadable.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void HoldInBlock(int pageCount, int readable) => PlantingThread.Run(() =>
    {
        nint block = (nint)NativeMemory.AlignedAlloc((nuint)(pageCount * PageByteCount), PageByteCount);
        NativeMemory.Clear((void*)block, (nuint)(pageCount * PageByteCount));
        nint middle = block + (pageCount / 2 * PageByteCount);
        if (pageCount > 1)
        {
            Words.Point(block, 0, Alloc(HeldByteCount));
            Words.Point(block, (pageCount * PageByteCount / sizeof(nint)) - 1, Alloc(HeldByteCount));
        }

        Words.Point(middle, 9, Alloc(HiddenByteCount));
        s_held = block;
        if (readable == 0)
        {
            Require(Libc.mprotect(middle, PageByteCount, Libc.PROT_NONE));
        }
    });

    // Since Linux 6.13: a page of a readable mapping that faults all the same. Nothing in the list of mappings shows it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool HoldBesideGuardRegion()
    {
        const int MADV_GUARD_INSTALL = 102;
        bool isInstalled = false;
        PlantingThread.Run(() =>
        {
            nint pages = Libc.MapPages(8 * PageByteCount);
            isInstalled = Libc.madvise(pages + (3 * PageByteCount), PageByteCount, MADV_GUARD_INSTALL) == 0;
            Words.Point(pages, 700, Alloc(HeldByteCount));
            Words.Point(pages + (7 * PageByteCount), 5, Alloc(HeldByteCount));
        });
        return isInstalled;
    }

    // Whoever reads behind the end of a mapped file gets SIGBUS.
    private static void HoldInFileThatShrinks() => PlantingThread.Run(static () =>
    {
        const int PageCount = 8;
        string path = Path.GetTempFileName();
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        File.Delete(path);
        file.SetLength(PageCount * PageByteCount);
        foreach (int flags in (int[])[Libc.MAP_PRIVATE, Libc.MAP_SHARED])
        {
            nint pages = Libc.mmap(0, PageCount * PageByteCount, Libc.PROT_READ | Libc.PROT_WRITE, flags,
                (int)file.SafeFileHandle.DangerousGetHandle(), 0);
            Words.Point(pages, 11, Alloc(HeldByteCount));
        }

        file.SetLength(PageByteCount);
    });

    // Every second page may only be read, so each page is a mapping of its own.
    private static void MakeMappings(int left)
    {
        int limit = int.Parse(File.ReadAllText("/proc/sys/vm/max_map_count"), CultureInfo.InvariantCulture);
        int count = limit - left;
        PlantingThread.Run(() =>
        {
            nint pages = Libc.MapPages((nuint)count * PageByteCount);
            Words.Point(pages + (nint)(count - 2 - (count % 2)) * PageByteCount, 3, Alloc(HeldByteCount));
            for (int i = 1; i < count; i += 2)
            {
                if (Libc.mprotect(pages + ((nint)i * PageByteCount), PageByteCount, Libc.PROT_READ) != 0)
                {
                    break; // the limit
                }
            }
        });
    }

    private static void StartProcesses(Action ready)
    {
        ready();
        while (true)
        {
            using System.Diagnostics.Process process = System.Diagnostics.Process.Start("/bin/true");
            process.WaitForExit();
        }
    }

    private static void Collect(Action ready)
    {
        ready();
        for (int i = 0; ; i++)
        {
            GC.Collect(i % 3, GCCollectionMode.Forced, blocking: i % 2 == 0, compacting: true);
            Thread.Sleep(1); // without a pause the runtime itself lets no other thread of the process run
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Alloc(int byteCount)
    {
        CHeapGround.Prepare(byteCount);
        nint block = Marshal.AllocHGlobal(byteCount);
        NativeMemory.Clear((void*)block, (nuint)byteCount);
        CHeapGround.Fence(byteCount);
        return block;
    }

    private static void Require(int result)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"the fault was refused (errno {Marshal.GetLastSystemError()})");
        }
    }
}
