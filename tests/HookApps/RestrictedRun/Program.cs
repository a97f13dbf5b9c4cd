// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: every pointer handed out is to memory that lives until the call is over; execve only returns when it failed.
using System.Runtime.InteropServices;
using RestrictedRun;

// RestrictedRun no-ptrace|read-only <file> <arguments…>: filters survive execve, so the command itself needs no help.
ReadOnlySpan<FilterInstruction> filter = args[0] switch
{
    "no-ptrace" => Filters.NoPtrace,
    "read-only" => Filters.ReadOnlyFiles,
    _ => throw new ArgumentException(args[0]),
};
Filters.Install(filter);
Replace(args[1..]);
return 127;

static unsafe void Replace(string[] command)
{
    nint* arguments = stackalloc nint[command.Length + 1];
    for (int i = 0; i < command.Length; i++)
    {
        arguments[i] = Marshal.StringToCoTaskMemUTF8(command[i]);
    }

    arguments[command.Length] = 0;
    _ = Libc.execvp(arguments[0], arguments);
    Console.Error.WriteLine($"{command[0]} cannot be started: {Marshal.GetLastPInvokeErrorMessage()}");
}

/// <summary>The C library's own.</summary>
internal static unsafe partial class Libc
{
    [LibraryImport("libc", SetLastError = true)]
    public static partial int execvp(nint file, nint* arguments);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int prctl(int option, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint syscall(nint number, nint first, nint second, nint third);
}
