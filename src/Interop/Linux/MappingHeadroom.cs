// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: whether this process may still make memory mappings, and the one line that is written when it may not.
// Who calls it: the scanner thread before each scan, ExitReporter before the report at exit.
// The one idea: the system limits the number of mappings (vm.max_map_count). At the limit the runtime cannot even compile a
// method and ends the process: what is ours must stop before that, so it first makes as many as a report may take.
// Safety: the region is reserved here and given back before the answer; nobody else knows its address.
namespace NativeLeak.Interop.Linux;

/// <summary>Room below the limit on mappings. Cold; thread-safe.</summary>
internal static unsafe class MappingHeadroom
{
    /// <summary>The reason when there is no room.</summary>
    public const string Reason = "the process has nearly as many memory mappings as the system allows (vm.max_map_count)";

    // Measured: a scan and its report at exit end the process with 100 left and do not with 500.
    private const int Wanted = 400;
    private const nint PageByteCount = 4096, ProtNone = 0, ProtRead = 1, StandardError = 2;
    private const nint PrivateAnonymousNoReserve = 0x4022;

    /// <summary>Whether a scan and its report find room. Some 200 system calls, less than a millisecond.</summary>
    public static bool IsThere() => !Platform.IsSupported || CanMake(Wanted);

    /// <summary>Runs what is needed at the limit once, so that nothing has to be bound there.</summary>
    public static void Prepare()
    {
        if (Platform.IsSupported)
        {
            CanMake(2);
            Write([]);
        }
    }

    /// <summary>Says on standard error, in one line, that there is no report.</summary>
    public static void TellThatThereIsNoReport()
        => Write("NativeLeak: no report: the process has nearly as many memory mappings as the system allows (vm.max_map_count)\n"u8);

    // Every second page gets another protection, so that each is a mapping of its own.
    private static bool CanMake(int count)
    {
        RawSyscall.Initialize();
        nint start = RawSyscall.Invoke(
            SyscallNumber.Mmap, 0, count * PageByteCount, ProtNone, PrivateAnonymousNoReserve, -1, 0);
        if (start is < 0 and > -4096)
        {
            return false;
        }

        bool isMade = true;
        for (int i = 1; isMade && i < count; i += 2)
        {
            isMade = RawSyscall.Invoke(SyscallNumber.Mprotect, start + (i * PageByteCount), PageByteCount, ProtRead) == 0;
        }

        RawSyscall.Invoke(SyscallNumber.Munmap, start, count * PageByteCount);
        return isMade;
    }

    private static void Write(ReadOnlySpan<byte> text)
    {
        // A literal: it lies in the image and does not move.
        fixed (byte* at = text)
        {
            RawSyscall.Invoke(SyscallNumber.Write, StandardError, (nint)at, text.Length);
        }
    }
}
