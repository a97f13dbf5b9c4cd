// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: where every case is planted.
// Who calls it: Program, and the cases that need further threads.
// The one idea: a lost block is only lost when no copy of its address is left, so the address is only ever known to a
// thread that ends, after that thread has overwritten the part of its stack that it used.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LeakCases.Planting;

/// <summary>Runs code on a thread that leaves nothing behind.</summary>
internal static unsafe class PlantingThread
{
    private const int PlantingByteCount = 128 * 1024;
    private const int ActorByteCount = 16 * 1024;

    /// <summary>Runs the action on a thread of its own and waits for the thread's end.</summary>
    public static void Run(Action action)
    {
        Thread thread = new(() =>
        {
            action();
            ScrubStack(PlantingByteCount);
        });
        thread.Start();
        thread.Join();
    }

    /// <summary>Starts a thread that may stay until the process ends, and waits until it says it is ready.</summary>
    public static void StartActor(Action<Action> actor)
    {
        using ManualResetEventSlim ready = new();
        Thread thread = new(() => actor(ready.Set)) { IsBackground = true };
        thread.Start();
        ready.Wait();
    }

    /// <summary>Overwrites the stack below the caller, as deep as a few calls go.</summary>
    public static void ScrubStack() => ScrubStack(ActorByteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ScrubStack(int byteCount)
    {
        byte* dead = stackalloc byte[byteCount];
        NativeMemory.Fill(dead, (nuint)byteCount, 0x5C);
        Use(dead);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Use(byte* bytes) => bytes[0]++;
}
