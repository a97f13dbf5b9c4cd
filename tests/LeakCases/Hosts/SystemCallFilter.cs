// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: seccomp filters as a container could have them.
// The one idea: each hits what a scan needs and nothing that the program itself does. Refused is the clone of a process
// (without CLONE_VM) and not that of a thread; clone3 is refused as unknown, so that the C library falls back to clone.
using System.Runtime.InteropServices;
using LeakCases.Planting;

namespace LeakCases.Hosts;

/// <summary>Takes rights away from this process.</summary>
internal static unsafe class SystemCallFilter
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
    private const uint OffsetOfHighFourthArgument = 44;
    private const uint SYS_pread64 = 17;
    private const uint SYS_clone = 56;
    private const uint SYS_prctl = 157;
    private const uint SYS_process_vm_readv = 310;
    private const uint PR_SET_PDEATHSIG = 1;
    private const uint SYS_clone3 = 435;
    private const uint CLONE_VM = 0x100;
    private const uint SECCOMP_RET_ALLOW = 0x7FFF_0000;
    private const uint SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
    private const uint SECCOMP_RET_ERRNO = 0x0005_0000;
    private const uint EPERM = 1;
    private const uint ENOSYS = 38;

    /// <summary>From now on, in every thread, process_vm_readv fails with EPERM: as older container profiles have it.</summary>
    public static void RefuseReads() => Install(
    [
        new(LoadWord, 0, 0, OffsetOfNumber),
        new(JumpIfEqual, 0, 1, SYS_process_vm_readv),
        new(Return, 0, 0, SECCOMP_RET_ERRNO | EPERM),
        new(Return, 0, 0, SECCOMP_RET_ALLOW),
    ]);

    /// <summary>As <see cref="RefuseReads"/>, and so do reads from places above 4 GiB in a file: of the memory file, that is.</summary>
    public static void RefuseReadsAndMemoryFile() => Install(
    [
        new(LoadWord, 0, 0, OffsetOfNumber),
        new(JumpIfEqual, 4, 0, SYS_process_vm_readv),
        new(JumpIfEqual, 0, 2, SYS_pread64),
        new(LoadWord, 0, 0, OffsetOfHighFourthArgument),
        new(JumpIfEqual, 0, 1, 0),
        new(Return, 0, 0, SECCOMP_RET_ALLOW),
        new(Return, 0, 0, SECCOMP_RET_ERRNO | EPERM),
    ]);

    /// <summary>From now on, in every thread, clone without CLONE_VM fails with EPERM.</summary>
    public static void RefuseForks() => Install(
    [
        new(LoadWord, 0, 0, OffsetOfNumber),
        new(JumpIfEqual, 4, 0, SYS_clone3),
        new(JumpIfEqual, 0, 2, SYS_clone),
        new(LoadWord, 0, 0, OffsetOfFirstArgument),
        new(JumpIfSet, 0, 2, CLONE_VM),
        new(Return, 0, 0, SECCOMP_RET_ALLOW),
        new(Return, 0, 0, SECCOMP_RET_ERRNO | ENOSYS),
        new(Return, 0, 0, SECCOMP_RET_ERRNO | EPERM),
    ]);

    /// <summary>From now on, whoever asks for a signal at its parent's death dies: nobody but a scanning copy does.</summary>
    public static void KillWhoAsksToDieWithItsParent() => Install(
    [
        new(LoadWord, 0, 0, OffsetOfNumber),
        new(JumpIfEqual, 0, 3, SYS_prctl),
        new(LoadWord, 0, 0, OffsetOfFirstArgument),
        new(JumpIfEqual, 0, 1, PR_SET_PDEATHSIG),
        new(Return, 0, 0, SECCOMP_RET_KILL_PROCESS),
        new(Return, 0, 0, SECCOMP_RET_ALLOW),
    ]);

    private static void Install(ReadOnlySpan<Instruction> program)
    {
        fixed (Instruction* instructions = program)
        {
            Program filter = new() { Length = (ushort)program.Length, Instructions = instructions };
            if (Libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || Libc.syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, (nint)(&filter), 0) != 0)
            {
                throw new InvalidOperationException("the filter was not accepted");
            }
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        public ushort Length;
        public Instruction* Instructions;
    }
}
