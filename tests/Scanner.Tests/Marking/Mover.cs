// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;
using static NativeLeak.Scanner.Tests.Marking.PlantedBlocks;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>A block whose only pointer goes from one root to another and back, all the time. In the new place before it leaves the
/// old: a program that does otherwise has lost it.</summary>
internal sealed unsafe class Mover : IDisposable
{
    private const nuint RootByteCount = 4096;

    private readonly nuint _low = Map(RootByteCount), _high;
    private readonly Thread _thread;
    private volatile bool _isStopping;
    private long _moves;

    public Mover(int byteCount)
    {
        // Something to read between the two.
        nuint between = Map(64 << 20);
        new Span<byte>((void*)between, 16 << 20).Fill(0x11);
        Between = between;
        _high = Map(RootByteCount);
        Hidden = OnThread(() =>
        {
            nuint block = Allocate((nuint)byteCount);
            *(nuint*)_low = block;
            return ~block;
        });
        _thread = new Thread(Run);
        _thread.Start();
        SpinWait.SpinUntil(() => Moves > 1000);
    }

    public nuint Hidden { get; }

    // Order: a statistic.
    public long Moves => Interlocked.Read(ref _moves);

    private nuint Between { get; }

    public void Dispose()
    {
        _isStopping = true;
        _thread.Join();
        Free(~Hidden);
        RawSyscall.Invoke(SyscallNumber.Munmap, (nint)_low, (nint)RootByteCount);
        RawSyscall.Invoke(SyscallNumber.Munmap, (nint)_high, (nint)RootByteCount);
        RawSyscall.Invoke(SyscallNumber.Munmap, (nint)Between, 64 << 20);
    }

    private void Run()
    {
        while (!_isStopping)
        {
            Move(_low, _high);
            Rest();
            Move(_high, _low);
            Rest();

            // Order: a statistic.
            Interlocked.Add(ref _moves, 2);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Move(nuint from, nuint to)
    {
        // Order: the new place is written before the old one is cleared.
        Volatile.Write(ref *(nuint*)to, Volatile.Read(ref *(nuint*)from));
        Volatile.Write(ref *(nuint*)from, 0);
    }

    // Registers and the red zone forget the pointer.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Rest()
    {
        ulong* frame = stackalloc ulong[64];
        for (int i = 0; i < 2000; i++)
        {
            frame[i & 63] = (ulong)i * 3;
        }
    }
}
