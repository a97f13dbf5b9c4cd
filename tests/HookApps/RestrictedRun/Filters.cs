// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: seccomp filters: what container profiles deny, and a file system on which nothing can be changed.
// The one idea: a filter is the same for every file system and needs no right to mount one.
using System.Runtime.InteropServices;

namespace RestrictedRun;

/// <summary>One instruction of the classic BPF machine (linux/filter.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FilterInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

/// <summary>The filters, x64.</summary>
internal static unsafe class Filters
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
    private const uint OffsetOfThirdArgument = 32;
    private const uint Allow = 0x7FFF_0000;
    private const uint Refuse = 0x0005_0000;
    private const uint EPERM = 1;
    private const uint EROFS = 30;

    private const uint SYS_ptrace = 101, SYS_process_vm_readv = 310, SYS_process_vm_writev = 311;
    private const uint SYS_bind = 49, SYS_rename = 82, SYS_mkdir = 83, SYS_unlink = 87, SYS_mkdirat = 258, SYS_openat = 257;
    private const uint CreateOrTruncate = 0x40 | 0x200; // O_CREAT | O_TRUNC

    /// <summary>As Docker's and containerd's default profiles had it for years.</summary>
    public static ReadOnlySpan<FilterInstruction> NoPtrace => new FilterInstruction[]
    {
        new(LoadWord, 0, 0, OffsetOfNumber),
        new(JumpIfEqual, 3, 0, SYS_ptrace),
        new(JumpIfEqual, 2, 0, SYS_process_vm_readv),
        new(JumpIfEqual, 1, 0, SYS_process_vm_writev),
        new(Return, 0, 0, Allow),
        new(Return, 0, 0, Refuse | EPERM),
    };

    /// <summary>Nothing can be created, truncated, renamed or removed anywhere, sockets included.</summary>
    public static ReadOnlySpan<FilterInstruction> ReadOnlyFiles => new FilterInstruction[]
    {
        new(LoadWord, 0, 0, OffsetOfNumber),
        new(JumpIfEqual, 8, 0, SYS_bind),
        new(JumpIfEqual, 7, 0, SYS_rename),
        new(JumpIfEqual, 6, 0, SYS_mkdir),
        new(JumpIfEqual, 5, 0, SYS_unlink),
        new(JumpIfEqual, 4, 0, SYS_mkdirat),
        new(JumpIfEqual, 0, 2, SYS_openat),
        new(LoadWord, 0, 0, OffsetOfThirdArgument),
        new(JumpIfSet, 1, 0, CreateOrTruncate),
        new(Return, 0, 0, Allow),
        new(Return, 0, 0, Refuse | EROFS),
    };

    /// <summary>From now on, in every thread and in what this process becomes.</summary>
    /// <exception cref="InvalidOperationException">The kernel did not take it.</exception>
    public static void Install(ReadOnlySpan<FilterInstruction> instructions)
    {
        fixed (FilterInstruction* first = instructions)
        {
            Program program = new() { Length = (ushort)instructions.Length, Instructions = first };
            if (Libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || Libc.syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, (nint)(&program)) != 0)
            {
                throw new InvalidOperationException("the filter was not accepted: " + Marshal.GetLastPInvokeErrorMessage());
            }
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        public ushort Length;
        public FilterInstruction* Instructions;
    }
}
