// Licensed under the MIT License. See LICENSE in the repository root.
// asm/signal.h, asm/siginfo.h, asm/sigcontext.h, bits/types/struct_timespec.h, poll.h; Linux x86-64.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>struct timespec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpecification
{
    public long Seconds;
    public long Nanoseconds;
}

/// <summary>The kernel's struct sigaction (not libc's).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelSignalAction
{
    public const ulong SA_SIGINFO = 4, SA_ONSTACK = 0x0800_0000, SA_RESTART = 0x1000_0000, SA_RESTORER = 0x0400_0000;

    public nint Handler;
    public ulong Flags;
    public nint Restorer;
    public ulong Mask;
}

/// <summary>siginfo_t as rt_tgsigqueueinfo takes it: 128 bytes, of which we fill these.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct SignalInformation
{
    public const int SI_QUEUE = -1;

    [FieldOffset(0)] public int Signal;

    /// <summary>si_errno. The kernel carries it unchanged and gives it no meaning: our generation travels in it.</summary>
    [FieldOffset(4)] public uint ErrorNumber;
    [FieldOffset(8)] public int Code;
    [FieldOffset(16)] public int ProcessId;
    [FieldOffset(20)] public int UserId;
    [FieldOffset(24)] public nint Value;
}

/// <summary>Offsets into the signal frame that the kernel writes on the stack of an interrupted thread.</summary>
/// <remarks>
/// <code>
/// ucontext:  0 flags  8 link  16 alternate stack (24 bytes)  40 r8 … (23 registers, rsp is the 16th)  224 fpstate*
/// fpstate:   0 the 512 bytes of FXSAVE; inside, at 464: magic1 (0x46505853 when an XSAVE area follows), at 468: its bytes in all
/// </code>
/// </remarks>
internal static class SignalFrame
{
    public const int RegistersOffset = 40, RegistersByteCount = 23 * 8, StackPointerOffset = RegistersOffset + (15 * 8),
        VectorStatePointerOffset = 224, VectorMagicOffset = 464, VectorByteCountOffset = 468, LegacyVectorByteCount = 512;

    public const uint VectorMagic = 0x46505853;
}

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public const short POLLIN = 1;

    public int Descriptor;
    public short Events;
    public short Returned;
}
