// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace NativeLeak.Interop.Linux;

/// <summary>Files as reports need them: new, private, and never through somebody else's symbolic link. Cold; thread-safe.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class PosixFile
{
    // O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC of asm-generic/fcntl.h
    private const nint CreateFlags = 0x1 | 0x40 | 0x80 | 0x2_0000 | 0x8_0000;
    private const nint OwnerOnly = 0x180; // 0600
    private const nint ReadOnlyCloseOnExec = 0x8_0000;

    /// <summary>Creates a file that must not exist yet, for writing, readable and writable for its owner only.</summary>
    /// <param name="path">Where; a symbolic link as the last part counts as existing, wherever it points.</param>
    /// <param name="errorNumber">0, or why not (EEXIST, EACCES, ENOENT, EROFS, …).</param>
    /// <returns>The open file, or null.</returns>
    public static SafeFileHandle? TryCreateNew(string path, out int errorNumber)
    {
        if (!PosixLibrary.TryCall(() => PosixLibrary.CreateNew(path), out nint result))
        {
            result = WithPath(path, static at => BlockingSyscall.Invoke(SyscallNumber.Open, at, CreateFlags, OwnerOnly));
        }

        errorNumber = result < 0 ? (int)-result : 0;
        return result < 0 ? null : new SafeFileHandle(result, ownsHandle: true);
    }

    /// <summary>Renames within one file system, replacing what is there, atomically.</summary>
    /// <returns>0, or the error number.</returns>
    public static int Rename(string from, string to)
    {
        if (!PosixLibrary.TryCall(() => PosixLibrary.Rename(from, to), out nint result))
        {
            result = WithPath(from, source => WithPath(to, target =>
                BlockingSyscall.Invoke(SyscallNumber.Rename, source, target)));
        }

        return (int)-Math.Min(result, 0);
    }

    /// <summary>Removes a name.</summary>
    /// <returns>0, or the error number.</returns>
    public static int Unlink(string path)
    {
        if (!PosixLibrary.TryCall(() => PosixLibrary.Unlink(path), out nint result))
        {
            result = WithPath(path, static at => BlockingSyscall.Invoke(SyscallNumber.Unlink, at));
        }

        return (int)-Math.Min(result, 0);
    }

    /// <summary>Reads the beginning of a file, as far as there is room, by system calls alone.</summary>
    /// <param name="path">Where; /proc is what it is for.</param>
    /// <param name="to">Where the bytes go.</param>
    /// <returns>How many there are; 0 also when the file cannot be read.</returns>
    public static int ReadStart(string path, Span<byte> to)
    {
        // Safety: the path is pinned and ends with the zero of a cleared array; the span is pinned for the calls.
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(path.Length) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        fixed (byte* at = bytes, target = to)
        {
            nint file = BlockingSyscall.Invoke(SyscallNumber.Open, (nint)at, ReadOnlyCloseOnExec);
            if (file < 0)
            {
                return 0;
            }

            nint total = 0, count = 1;
            while (count > 0 && total < to.Length)
            {
                count = BlockingSyscall.Invoke(SyscallNumber.Read, file, (nint)target + total, to.Length - total);
                total += count > 0 ? count : 0;
            }

            BlockingSyscall.InvokeOnce(SyscallNumber.Close, file);
            return (int)total;
        }
    }

    private static nint WithPath(string path, Func<nint, nint> call)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(path.Length) + 1];
        Encoding.UTF8.GetBytes(path, bytes);

        // Safety: pinned for the call, zero-terminated by the zeroed array.
        fixed (byte* at = bytes)
        {
            return call((nint)at);
        }
    }
}
