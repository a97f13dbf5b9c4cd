// Licensed under the MIT License. See LICENSE in the repository root.
// asm-generic/errno-base.h and errno.h, Linux.
namespace NativeLeak.Interop.Linux;

/// <summary>The error numbers we tell apart. The raw layer returns them negated.</summary>
internal static class ErrorNumber
{
    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ECHILD = 10, EAGAIN = 11, ENOMEM = 12,
        EFAULT = 14, EEXIST = 17, EINVAL = 22, EMFILE = 24, ENOSYS = 38, ELOOP = 40, EADDRINUSE = 98, ETIMEDOUT = 110, ECONNREFUSED = 111;
}
