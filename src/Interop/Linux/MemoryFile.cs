// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: another way to fault-safe copies, for sandboxes that refuse process_vm_readv.
// Who calls it: each scan opens and closes it; SafeRead.Copy goes through it meanwhile.
// The one idea: a read from the process's own memory file is a read by the kernel as well, and it takes a descriptor of which
// nothing but a wrong copy can come should somebody close it: a position is given with each read, and nothing is written.
// Safety: proofs read a local.
using System.Globalization;

namespace NativeLeak.Interop.Linux;

/// <summary>/proc/self/mem. One at a time; the scanner thread's.</summary>
internal static unsafe class MemoryFile
{
    /// <summary>How it is opened: O_RDONLY | O_CLOEXEC.</summary>
    public const nint OpenReadOnlyCloseOnExec = 0x80000;

    private const nint NoDescriptor = int.MaxValue; // more than any table holds

    private static nint s_file;

    /// <summary>Makes sure that this process can read itself; end with <see cref="Close"/>.</summary>
    /// <param name="refusal">Why it cannot; null on success.</param>
    /// <param name="forceFile">For tests: as if process_vm_readv were refused.</param>
    public static bool TryOpen(out string? refusal, bool forceFile = false)
    {
        refusal = null;
        int processId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        nint first = forceFile ? -ErrorNumber.EPERM : Prove(processId);
        if (first == sizeof(ulong))
        {
            return true;
        }

        nint file;
        fixed (byte* path = "/proc/self/mem\0"u8)
        {
            file = BlockingSyscall.Invoke(SyscallNumber.Open, (nint)path, OpenReadOnlyCloseOnExec);
        }

        if (file == 0)
        {
            // The application has no standard input: nothing of ours may take its place.
            RawSyscall.Invoke(SyscallNumber.Close, file);
        }

        s_file = file > 0 ? file : 0;
        SafeRead.Use(s_file);
        if (file > 0 && Prove(processId) == sizeof(ulong))
        {
            return true;
        }

        Close();
        refusal = string.Create(CultureInfo.InvariantCulture,
            $"process_vm_readv is refused (error {-first}), and /proc/self/mem cannot be read (error {(file < 0 ? -file : ErrorNumber.EIO)})");
        return false;
    }

    /// <summary>As <see cref="TryOpen"/>, for a snapshot: its child reads through a file of its own, for which it needs a table of
    /// descriptors of its own (close_range, Linux 5.9).</summary>
    public static bool TryOpenForSnapshot()
        => RawSyscall.Invoke(SyscallNumber.CloseRange, NoDescriptor, NoDescriptor) == 0 && TryOpen(out _);

    /// <summary>Whether copies still are what stands in memory: a descriptor could have been closed by the application.</summary>
    public static bool IsSound() => Prove((int)RawSyscall.Invoke(SyscallNumber.Getpid)) == sizeof(ulong);

    /// <summary>Goes back to process_vm_readv.</summary>
    public static void Close()
    {
        nint file = s_file;
        bool isOurs = file > 0 && IsSound();
        s_file = 0;
        SafeRead.Use(0);
        if (isOurs)
        {
            // Only if it is still the memory file: the number may be the application's by now.
            RawSyscall.Invoke(SyscallNumber.Close, file);
        }
    }

    // Bytes of a known word that came over; fewer, or an error, when the way is closed or leads elsewhere.
    private static nint Prove(int processId)
    {
        ulong known = (ulong)MonotonicClock.Nanoseconds() ^ 0x9E37_79B9_7F4A_7C15, copy = 0;
        nint count = SafeRead.Copy(processId, (nuint)(&known), &copy, sizeof(ulong));
        return count == sizeof(ulong) && copy != known ? 0 : count;
    }
}
