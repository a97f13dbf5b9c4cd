// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: buffers given to the kernel are locals of the size the kernel expects.
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux;

/// <summary>What we ask of and do to this process as a whole. Cold; thread-safe.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class PosixProcess
{
    private const nint SignalUnblock = 1;
    private const int UtsFieldByteCount = 65, UtsFields = 6; // struct new_utsname of linux/utsname.h

    /// <summary>System, release and machine in one line, for instance "Linux 6.1.0 x86_64".</summary>
    public static string KernelName()
    {
        string? name = null;
        return PosixLibrary.TryCall(() => (name = PosixLibrary.KernelName()) == null ? -1 : 0, out nint result) && result == 0
            ? name!
            : KernelNameBySyscall();
    }

    /// <summary>
    /// Ends this process by a signal's default action, so that whoever waits for it sees the signal itself. Returns only
    /// when the default action of the signal is not to end the process.
    /// </summary>
    /// <param name="signal">1 … 64; nothing happens for other numbers.</param>
    public static void RaiseDefault(int signal)
    {
        if (signal is < 1 or > 64)
        {
            return;
        }

        RawSyscall.Initialize();
        KernelSignalAction action = default; // SIG_DFL
        RawSyscall.Invoke(SyscallNumber.RtSigaction, signal, (nint)(&action), 0, sizeof(ulong));
        ulong mask = 1UL << (signal - 1);
        RawSyscall.Invoke(SyscallNumber.RtSigprocmask, SignalUnblock, (nint)(&mask), 0, sizeof(ulong));
        if (!PosixLibrary.TryCall(() => PosixLibrary.Raise(signal), out nint result) || result < 0)
        {
            RawSyscall.Invoke(SyscallNumber.Kill, RawSyscall.Invoke(SyscallNumber.Getpid), signal);
        }
    }

    /// <summary>The same as <see cref="KernelName"/>, without Mono.Posix.</summary>
    internal static string KernelNameBySyscall()
    {
        byte* names = stackalloc byte[UtsFieldByteCount * UtsFields];
        nint result = BlockingSyscall.Invoke(SyscallNumber.Uname, (nint)names);
        string Field(int index) => Marshal.PtrToStringUTF8((nint)(names + (index * UtsFieldByteCount))) ?? string.Empty;
        return result < 0 ? "Linux" : $"{Field(0)} {Field(2)} {Field(4)}";
    }
}
