// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>What /proc/self/task/N/status says about a thread that does not answer.</summary>
[Flags]
internal enum ThreadCondition
{
    /// <summary>It exists and could answer.</summary>
    None = 0,

    /// <summary>There is no such thread (any more), or it has ended and only its entry is left.</summary>
    Ended = 1,

    /// <summary>It blocks the signal.</summary>
    Blocks = 2,

    /// <summary>The signal waits for it already.</summary>
    Pending = 4,

    /// <summary>The file could not be read (no descriptor left, say).</summary>
    Unknown = 8,

    /// <summary>It waits in the kernel where no signal reaches it.</summary>
    Uninterruptible = 16,
}

/// <summary>Reads thread states from proc. Allocation-free; runs while threads are parked.</summary>
[ChildCode]
internal static unsafe class ThreadStatusReader
{
    /// <summary>Bytes of room that <see cref="Look"/> needs at its work area: a path and one status text.</summary>
    public const int WorkByteCount = 8192;

    private const int PathByteCount = 64;

    /// <summary>Looks at one thread of this process.</summary>
    /// <param name="work">Room for <see cref="WorkByteCount"/> bytes.</param>
    /// <param name="threadId">The thread.</param>
    /// <param name="signal">The signal in question, 1 … 64.</param>
    // Safety: the caller owns the work area.
    [MethodImpl(ChildCode.Options)]
    public static ThreadCondition Look(byte* work, int threadId, int signal)
    {
        byte* text = work + PathByteCount;
        nint length = ReadFile(work, threadId, "/status"u8);
        return length is -ErrorNumber.ENOENT or -ErrorNumber.ESRCH ? ThreadCondition.Ended
            : length < 0 ? ThreadCondition.Unknown
            : Parse(text, length, signal);
    }

    /// <summary>
    /// Whether a thread of this process sleeps in a private futex wait that has no time limit. Another thread of the process
    /// has to wake it: while all are parked, nobody does.
    /// </summary>
    /// <param name="work">Room for <see cref="WorkByteCount"/> bytes.</param>
    /// <param name="threadId">The thread.</param>
    /// <param name="stackPointer">Its stack pointer; written only when the answer is yes.</param>
    // Safety: the caller owns the work area and the result.
    [MethodImpl(ChildCode.Options)]
    public static bool IsAsleep(byte* work, int threadId, nuint* stackPointer)
    {
        nint length = ReadFile(work, threadId, "/syscall"u8);
        return length > 0 && ParseSleep(work + PathByteCount, length, stackPointer);
    }

    /// <summary>
    /// Parses "number a1 a2 a3 a4 a5 a6 sp pc" (the number decimal, the rest 0x…); "running" is no sleep. A worker that the
    /// kernel keeps in our process (io_uring) never runs our code: its sp and pc are 0, and so is its stack pointer here.
    /// </summary>
    [MethodImpl(ChildCode.Options)]
    public static bool ParseSleep(byte* text, nint length, nuint* stackPointer)
    {
        const int Operation = 2, TimeLimit = 4, StackPointer = 7, InstructionPointer = 8, Fields = 9;
        const nuint FutexPrivate = 128, FutexClockMask = 0x100, FutexWait = 0, FutexWaitBitset = 9;
        byte* at = text, end = text + length;
        nuint foundStackPointer = 0, foundInstructionPointer = 0;
        bool isWait = true;
        for (int field = 0; field < Fields; field++)
        {
            nuint value = 0;
            byte* start = at;
            bool hexadecimal = end - at > 2 && at[0] == '0' && at[1] == 'x';
            for (at = hexadecimal ? at + 2 : at; at < end && *at is not ((byte)' ' or (byte)'\n'); at++)
            {
                uint digit = *at <= '9' ? (uint)(*at - '0') : (uint)(*at - 'a' + 10);
                value = unchecked((value * (hexadecimal ? 16u : 10u)) + digit);
            }

            if (at == start || at == end)
            {
                return false;
            }

            isWait &= field switch
            {
                0 => value == (nuint)SyscallNumber.Futex,
                Operation => (value & ~FutexClockMask) is (FutexWait | FutexPrivate) or (FutexWaitBitset | FutexPrivate),
                TimeLimit => value == 0,
                _ => true,
            };
            foundStackPointer = field == StackPointer ? value : foundStackPointer;
            foundInstructionPointer = field == InstructionPointer ? value : foundInstructionPointer;
            at++;
        }

        bool isKernelWorker = (foundStackPointer | foundInstructionPointer) == 0;
        if (!isWait && !isKernelWorker)
        {
            return false;
        }

        *stackPointer = foundStackPointer;
        return true;
    }

    /// <summary>Parses a status text. Lines that are missing or cut off say nothing.</summary>
    [MethodImpl(ChildCode.Options)]
    public static ThreadCondition Parse(byte* text, nint length, int signal)
    {
        ThreadCondition condition = ThreadCondition.None;
        byte* at = text, end = text + length;
        while (at < end)
        {
            byte* lineEnd = at;
            while (lineEnd < end && *lineEnd != '\n')
            {
                lineEnd++;
            }

            if (lineEnd == end)
            {
                break;
            }

            byte* value = Value(at, lineEnd, "State:\t"u8);
            if (value != null && value < lineEnd)
            {
                condition |= *value is (byte)'Z' or (byte)'X' ? ThreadCondition.Ended
                    : *value == 'D' ? ThreadCondition.Uninterruptible : 0;
            }

            condition |= HasSignal(Value(at, lineEnd, "SigBlk:\t"u8), lineEnd, signal) ? ThreadCondition.Blocks : 0;
            condition |= HasSignal(Value(at, lineEnd, "SigPnd:\t"u8), lineEnd, signal) ? ThreadCondition.Pending : 0;
            at = lineEnd + 1;
        }

        return condition;
    }

    [MethodImpl(ChildCode.Options)]
    private static nint ReadFile(byte* work, int threadId, ReadOnlySpan<byte> name)
    {
        byte* end = Append(work, "/proc/self/task/"u8);
        end = AppendNumber(end, threadId);
        end = Append(end, name);
        *end = 0;
        return MapsReader.Read(work, work + PathByteCount, WorkByteCount - PathByteCount);
    }

    [MethodImpl(ChildCode.Options)]
    private static byte* Value(byte* line, byte* lineEnd, ReadOnlySpan<byte> name)
    {
        if (lineEnd - line < name.Length)
        {
            return null;
        }

        for (int i = 0; i < name.Length; i++)
        {
            if (line[i] != name[i])
            {
                return null;
            }
        }

        return line + name.Length;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool HasSignal(byte* hex, byte* end, int signal)
    {
        if (hex == null)
        {
            return false;
        }

        ulong mask = 0;
        for (; hex < end; hex++)
        {
            uint digit = *hex <= '9' ? (uint)(*hex - '0') : (uint)(*hex - 'a' + 10);
            mask = unchecked((mask << 4) | (digit & 15));
        }

        return ((mask >> (signal - 1)) & 1) != 0;
    }

    [MethodImpl(ChildCode.Options)]
    private static byte* Append(byte* at, ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            at[i] = text[i];
        }

        return at + text.Length;
    }

    [MethodImpl(ChildCode.Options)]
    private static byte* AppendNumber(byte* at, int number)
    {
        int digits = 1;
        for (int rest = number / 10; rest != 0; rest /= 10)
        {
            digits++;
        }

        for (int i = digits - 1; i >= 0; i--)
        {
            at[i] = (byte)('0' + (number % 10));
            number /= 10;
        }

        return at + digits;
    }
}
