// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a seccomp filter as a container could have it.
// The one idea: it refuses the clone of a process (without CLONE_VM) and lets the clone of a thread pass, so the program
// itself goes on as before. clone3 is refused as unknown, which makes the C library fall back to clone for its threads.
using System.Runtime.InteropServices;

namespace LeakCases.Hosts;

/// <summary>Takes the right to fork away from this process.</summary>
internal static unsafe partial class SystemCallFilter
{
    private const int PR_SET_NO_NEW_PRIVS = 38;
    private const nint SYS_seccomp = 317;
    private const nint SECCOMP_SET_MODE_FILTER = 1;
    private const nint SECCOMP_FILTER_FLAG_TSYNC = 1;

    private const ushort LoadWord = 0x20;       // BPF_LD | BPF_W | BPF_ABS
    private const ushort JumpIfEqual = 0x15;    // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort JumpIfSet = 0x45;      // BPF_JMP | BPF_JSET | BPF_K
    private const ushort Return = 0x06;         // BPF_RET | BPF_K

    private const uint OffsetOfNumber = 0;
    private const uint OffsetOfFirstArgument = 16;
    private const uint SYS_clone = 56;
    private const uint SYS_clone3 = 435;
    private const uint CLONE_VM = 0x100;
    private const uint SECCOMP_RET_ALLOW = 0x7FFF_0000;
    private const uint SECCOMP_RET_ERRNO = 0x0005_0000;
    private const uint EPERM = 1;
    private const uint ENOSYS = 38;

    /// <summary>From now on, in every thread, clone without CLONE_VM fails with EPERM.</summary>
    public static void RefuseForks()
    {
        ReadOnlySpan<Instruction> program =
        [
            new(LoadWord, 0, 0, OffsetOfNumber),
            new(JumpIfEqual, 4, 0, SYS_clone3),
            new(JumpIfEqual, 0, 2, SYS_clone),
            new(LoadWord, 0, 0, OffsetOfFirstArgument),
            new(JumpIfSet, 0, 2, CLONE_VM),
            new(Return, 0, 0, SECCOMP_RET_ALLOW),
            new(Return, 0, 0, SECCOMP_RET_ERRNO | ENOSYS),
            new(Return, 0, 0, SECCOMP_RET_ERRNO | EPERM),
        ];
        fixed (Instruction* instructions = program)
        {
            Program filter = new() { Length = (ushort)program.Length, Instructions = instructions };
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, (nint)(&filter)) != 0)
            {
                throw new InvalidOperationException("the filter was not accepted");
            }
        }
    }

    [LibraryImport("libc")]
    private static partial int prctl(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc")]
    private static partial nint syscall(nint number, nint first, nint second, nint third);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        public ushort Length;
        public Instruction* Instructions;
    }
}
