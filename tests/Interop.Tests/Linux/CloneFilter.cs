// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>A seccomp filter that refuses clone without CLONE_VM: new processes, not new threads. For actors only; it stays.</summary>
internal static unsafe class CloneFilter
{
    private const nint PrSetNoNewPrivs = 38, Seccomp = 317, SetModeFilter = 1, SynchronizeThreads = 1;
    private const ushort LoadWord = 0x20, JumpIfEqual = 0x15, JumpIfSet = 0x45, Return = 0x06;
    private const uint Allow = 0x7FFF_0000, Refuse = 0x0005_0000, CloneVm = 0x100;

    [StructLayout(LayoutKind.Sequential)]
    private struct Instruction(ushort code, byte jumpTrue, byte jumpFalse, uint value)
    {
        public ushort Code = code;
        public byte JumpTrue = jumpTrue;
        public byte JumpFalse = jumpFalse;
        public uint Value = value;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramHeader
    {
        public ushort Length;
        public Instruction* Instructions;
    }

    /// <summary>From now on the clone of this process fails with <paramref name="errorNumber"/>, on every thread.</summary>
    public static void Install(int errorNumber)
    {
        ReadOnlySpan<Instruction> program =
        [
            new(LoadWord, 0, 0, 0),                                 // 0: number of the system call
            new(JumpIfEqual, 0, 3, (uint)SyscallNumber.Clone),      // 1: another one → 5
            new(LoadWord, 0, 0, 16),                                // 2: low half of its first argument
            new(JumpIfSet, 1, 0, CloneVm),                          // 3: a thread → 5
            new(Return, 0, 0, Refuse | (uint)errorNumber),          // 4
            new(Return, 0, 0, Allow),                               // 5
        ];
        fixed (Instruction* instructions = program)
        {
            ProgramHeader header = new() { Length = (ushort)program.Length, Instructions = instructions };
            nint privileges = RawSyscall.Invoke(SyscallNumber.Prctl, PrSetNoNewPrivs, 1);
            nint result = RawSyscall.Invoke(Seccomp, SetModeFilter, SynchronizeThreads, (nint)(&header));
            if (privileges != 0 || result != 0)
            {
                throw new InvalidOperationException($"seccomp: {privileges}, {result}");
            }
        }
    }
}
