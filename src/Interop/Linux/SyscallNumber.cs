// Licensed under the MIT License. See LICENSE in the repository root.
// asm/unistd_64.h, Linux x86-64.
namespace NativeLeak.Interop.Linux;

/// <summary>System call numbers of Linux x86-64.</summary>
internal static class SyscallNumber
{
    public const nint Read = 0, Write = 1, Open = 2, Close = 3, Fstat = 5, Poll = 7, Lseek = 8, Mmap = 9,
        Mprotect = 10, Munmap = 11, RtSigaction = 13, RtSigprocmask = 14, Pread64 = 17, Mincore = 27, Madvise = 28,
        Dup2 = 33, Getpid = 39, Socket = 41, Connect = 42, Sendto = 44, Recvfrom = 45, Shutdown = 48, Bind = 49,
        Listen = 50, Getsockopt = 55, Clone = 56, Wait4 = 61, Kill = 62, Uname = 63, Fcntl = 72, Rename = 82,
        Unlink = 87, Fchmod = 91, GetRlimit = 97, Sysinfo = 99, Geteuid = 107, Getppid = 110, SchedSetScheduler = 144,
        SchedGetScheduler = 145, Prctl = 157, SetRlimit = 160, Gettid = 186, Futex = 202, Getdents64 = 217,
        ClockGettime = 228, ExitGroup = 231, Tgkill = 234, Accept4 = 288, Pipe2 = 293, RtTgsigqueueinfo = 297,
        ProcessVmReadv = 310, PidfdSendSignal = 424, CloseRange = 436;
}
