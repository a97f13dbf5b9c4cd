// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a call stack as return addresses, by following saved frame pointers; about 1 ns per frame.
// Who calls it: SiteDepot for every recorded allocation.
// The one idea: managed code keeps RBP chains on Linux x64, and every step is checked against the thread's own stack,
// so a chain broken by native code ends the walk instead of faulting.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Frame-pointer walks on the calling thread. No GC memory, no lock, no fault.</summary>
internal static unsafe class StackWalker
{
    /// <summary>Most frames a walk keeps.</summary>
    public const int MaximumDepth = 64;

    // A frame pointer further from our own local is not our own frame's.
    private const nuint OwnFrameByteCount = 4096;

    private static nuint s_mainStackEnd;

    /// <summary>Where the calling thread's stack ends: no frame lies at or above. Found once per thread.</summary>
    public static nuint StackEnd
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            nuint end = ThreadState.StackEnd;
            return end != 0 ? end : FindStackEnd();
        }
    }

    /// <summary>Learns the main stack and assembles the stubs. Idempotent, cold.</summary>
    public static void Initialize()
    {
        if (s_mainStackEnd == 0)
        {
            if (!FrameSizes.Initialize())
            {
                throw new InsufficientMemoryException("no pages for the table of frame sizes");
            }

            RawSyscall.Initialize();
            MachineCode.EmitFrameStubs();
            s_mainStackEnd = ReadMainStackEnd();
        }
    }

    /// <summary>Stores return addresses, innermost first, and hashes them on the way.</summary>
    /// <param name="site">Where the walk starts; its return address is the first entry.</param>
    /// <param name="end">The calling thread's <see cref="StackEnd"/>.</param>
    /// <param name="frames">Room for <paramref name="depth"/> entries.</param>
    /// <param name="depth">Most entries to keep, 1 … <see cref="MaximumDepth"/>.</param>
    /// <param name="hash">64-bit hash of the entries and their number.</param>
    /// <returns>Entries stored, at least 1.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Walk(in AllocationCall site, nuint end, nuint* frames, int depth, out ulong hash)
    {
        // Safety: frames has room for depth entries; the cursor reads nothing but this thread's stack.
        StackCursor cursor = new(in site, end);
        frames[0] = cursor.ReturnAddress;
        ulong position = 0;
        ulong sum = cursor.ReturnAddress * Multiplier(position);
        int count = 1;
        while (count < depth && cursor.MoveNext())
        {
            frames[count] = cursor.ReturnAddress;
            position += PositionStep;
            sum += cursor.ReturnAddress * Multiplier(position);
            count++;
        }

        hash = Finish(sum, count);
        return count;
    }

    /// <summary>The hash that <see cref="Walk"/> computes, without the entries.</summary>
    public static ulong Hash(in AllocationCall site, nuint end, int depth)
    {
        StackCursor cursor = new(in site, end);
        ulong position = 0;
        ulong sum = cursor.ReturnAddress * Multiplier(position);
        int count = 1;
        while (count < depth && cursor.MoveNext())
        {
            position += PositionStep;
            sum += cursor.ReturnAddress * Multiplier(position);
            count++;
        }

        return Finish(sum, count);
    }

    /// <summary>As the other; keeps in <paramref name="memo"/> what it read.</summary>
    public static ulong Hash(in AllocationCall site, nuint end, int depth, WalkMemo* memo)
    {
        WalkMemo.Start(memo, in site, end, FrameSizes.Version);
        StackCursor cursor = new(in site, end);
        ulong position = 0;
        ulong sum = cursor.ReturnAddress * Multiplier(position);
        int count = 1;
        while (count < depth)
        {
            bool isMoved = cursor.MoveNext();
            WalkMemo.Add(memo, in cursor, count);
            if (!isMoved)
            {
                break;
            }

            position += PositionStep;
            sum += cursor.ReturnAddress * Multiplier(position);
            count++;
        }

        WalkMemo.SetSum(memo, sum, count);
        return Finish(sum, count);
    }

    /// <summary>What an entry adds to the sum that <see cref="Finish"/> turns into a hash.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Term(nuint returnAddress, int entry) => returnAddress * Multiplier((ulong)entry * PositionStep);

    /// <summary>The call of the method that calls this (which must have a frame, and must not be inlined).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AllocationCall Caller()
    {
        // Safety: the address is read only when it lies within a page above a local of this very frame, since a method
        // that got no frame after all would show us whatever its caller keeps in RBP.
        nuint here;
        nuint own = MachineCode.FramePointer();
        return own - (nuint)(&here) < OwnFrameByteCount && (own & 7) == 0
            ? new AllocationCall(*(nuint*)own, ((nuint*)own)[1], own + (2 * (nuint)sizeof(nuint)))
            : default;
    }

    /// <summary>Whether a stub's answer is the frame of the very method that owns the local <paramref name="here"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOwnFrame(nuint framePointer, nuint here)
        // Locals lie at multiples of 8; rotated, the bits of a frame that does not come out on top.
        => BitOperations.RotateRight(framePointer - here, 3) < OwnFrameByteCount / (nuint)sizeof(nuint);

    /// <summary>Hash of stored entries, as <see cref="Walk"/> computes it.</summary>
    public static ulong Hash(ReadOnlySpan<nuint> frames)
    {
        ulong sum = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            sum += frames[i] * Multiplier((ulong)i * PositionStep);
        }

        return Finish(sum, frames.Length);
    }

    private const ulong PositionStep = 0x9E3779B97F4A7C15UL;

    // A multilinear hash: a sum of products with odd constants. The multiplications do not wait for each other, unlike
    // in a chained hash, and two stacks collide only by chance.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Multiplier(ulong position) => (position ^ 0xD6E8FEB86659FD93UL) | 1;

    /// <summary>The hash of so many entries, by their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Finish(ulong sum, int count)
    {
        ulong mixed = sum + (ulong)count;
        mixed = (mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93UL;
        mixed = (mixed ^ (mixed >> 29)) * 0x9E3779B97F4A7C15UL;
        return mixed ^ (mixed >> 32);
    }

    // glibc puts the thread control block at the top of each stack it makes; only the main thread's lies elsewhere.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint FindStackEnd()
    {
        bool isMain = RawSyscall.Invoke(SyscallNumber.Gettid) == RawSyscall.Invoke(SyscallNumber.Getpid);
        nuint end = isMain ? s_mainStackEnd : MachineCode.ThreadControlBlock();
        nuint here = (nuint)(&end);
        // A thread on a stack of its own making: walk nothing rather than guess.
        ThreadState.StackEnd = end > here ? end : 2 * (nuint)sizeof(nuint);
        return ThreadState.StackEnd;
    }

    // Where the stack pointer stood when the process began: above it are arguments, no frames. The loader exports it.
    private static nuint ReadMainStackEnd()
    {
        nint libc = NativeLibrary.Load("libc.so.6");
        // Safety: the symbol is a pointer-sized variable of the loader, which is never unloaded and set once.
        // Unknown: stacks of the main thread will have one frame. 1 keeps Initialize from asking again.
        return NativeLibrary.TryGetExport(libc, "__libc_stack_end", out nint end) ? *(nuint*)end : 1;
    }
}
