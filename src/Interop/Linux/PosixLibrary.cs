// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the few POSIX calls of our cold paths, by Mono.Posix.NETStandard.
// Who calls it: PosixFile and PosixProcess.
// The one idea: the package brings a native helper that a host may not have (a copied folder, another libc). That is found
// out once, by the first call; from then on the callers' own system calls do the same.
using System.Runtime.CompilerServices;
using Mono.Unix.Native;

namespace NativeLeak.Interop.Linux;

/// <summary>Mono.Posix, or the news that it is not usable here. Thread-safe.</summary>
internal static partial class PosixLibrary
{
    private static volatile bool s_missing;

    /// <summary>False after the first call that found the library or its native helper missing.</summary>
    public static bool IsUsable => !s_missing;

    /// <summary>A call with Mono.Posix: its result when non-negative, or the error number, negated.</summary>
    /// <param name="call">Must reach Mono.Posix only through methods that are not inlined: the assembly may be missing.</param>
    /// <param name="result">The result; meaningless when the library is not usable.</param>
    /// <returns>False when the library is not usable, and nothing was done.</returns>
    public static bool TryCall(Func<nint> call, out nint result)
    {
        result = 0;
        if (s_missing)
        {
            return false;
        }

        try
        {
            result = call();
            return true;
        }
        catch (Exception failure) when (failure is DllNotFoundException or TypeInitializationException
            or EntryPointNotFoundException or BadImageFormatException or FileNotFoundException or FileLoadException)
        {
            s_missing = true;
            return false;
        }
    }

    /// <summary>Creates a file that did not exist: O_EXCL, O_NOFOLLOW, O_CLOEXEC, 0600.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint CreateNew(string path) => Checked(Syscall.open(
        path,
        OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW | OpenFlags.O_CLOEXEC,
        FilePermissions.S_IRUSR | FilePermissions.S_IWUSR));

    /// <summary>rename(2).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Rename(string from, string to) => Checked(Stdlib.rename(from, to));

    /// <summary>unlink(2).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Unlink(string path) => Checked(Syscall.unlink(path));

    /// <summary>kill(2) to this process.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Raise(int signal) => Checked(Syscall.kill(Syscall.getpid(), NativeConvert.ToSignum(signal)));

    /// <summary>uname(2) as one line; null when it failed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string? KernelName()
        => Syscall.uname(out Utsname name) == 0 ? $"{name.sysname} {name.release} {name.machine}" : null;

    private static nint Checked(int result) => result < 0 ? -NativeConvert.FromErrno(Stdlib.GetLastError()) : result;
}
