// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace HookDriver;

/// <summary>Threads, garbage collections, finalizers, frees on other threads, exceptions, thread churn: all blocks freed.</summary>
internal static unsafe class Stress
{
    private const int Threads = 4;
    private static readonly ConcurrentQueue<nint> s_handedOver = new();
    private static volatile bool s_done;

    public static void Run(int roundsPerThread)
    {
        Counts before = Counts.Now;
        Thread collector = Start(CollectGarbage);
        List<Thread> workers = [];
        for (int i = 0; i < Threads; i++)
        {
            int seed = i;
            workers.Add(Start(() => Work(seed, roundsPerThread)));
        }

        workers.ForEach(worker => worker.Join());
        s_done = true;
        collector.Join();
        while (s_handedOver.TryDequeue(out nint block))
        {
            Marshal.FreeHGlobal(block);
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Counts after = Counts.Now - before;
        Console.WriteLine($"stress=done allocated={after.Allocated} left={after.LiveBlocks} unknown={after.UnknownFrees}");
    }

    private static Thread Start(ThreadStart body)
    {
        Thread thread = new(body) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static void Work(int seed, int rounds)
    {
        Random random = new(seed);
        for (int i = 0; i < rounds; i++)
        {
            switch (random.Next(10))
            {
                case 0: Drop(random.Next(1, 300)); break;
                case 1: ThrowAndCatch(random.Next(1, 100)); break;
                case 2: HandOver(random.Next(1, 3000)); break;
                case 3: Marshal.FreeBSTR(Marshal.StringToBSTR("text " + i)); break;
                case 4: NativeMemory.AlignedFree(NativeMemory.AlignedRealloc(NativeMemory.AlignedAlloc(64, 32), 500, 32)); break;
                case 5: NativeMemory.Free(NativeMemory.Realloc(NativeMemory.AllocZeroed(40), 4000)); break;
                case 6 when i % 50 == 0: NativeMemory.Free(NativeMemory.Alloc(300_000)); break;
                case 7 when i % 200 == 0: Start(() => HandOver(77)).Join(); break;
                case 8 when i % 50 == 0: NullReference(); break;
                default: NativeMemory.Free(NativeMemory.Alloc((nuint)random.Next(1, 256))); break;
            }

            if (s_handedOver.Count > 100 && s_handedOver.TryDequeue(out nint block))
            {
                Marshal.FreeHGlobal(block);
            }
        }
    }

    private static void CollectGarbage()
    {
        while (!s_done)
        {
            GC.Collect(Random.Shared.Next(3), GCCollectionMode.Forced, blocking: true);
            Thread.Sleep(1);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(int byteCount) => GC.KeepAlive(new Owner(byteCount));

    private static void HandOver(int byteCount) => s_handedOver.Enqueue(Marshal.AllocHGlobal(byteCount));

    private static void ThrowAndCatch(int byteCount)
    {
        nint block = Marshal.AllocHGlobal(byteCount);
        try
        {
            throw new InvalidOperationException();
        }
        catch (InvalidOperationException)
        {
            Marshal.FreeHGlobal(block);
        }
    }

    private static void NullReference()
    {
        void* block = NativeMemory.Alloc(10);
        try
        {
            string? nothing = s_done ? "" : null;
            _ = nothing!.Length;
        }
        catch (NullReferenceException)
        {
            NativeMemory.Free(block);
            return;
        }

        NativeMemory.Free(block);
    }

    private sealed class Owner(int byteCount)
    {
        private readonly nint _block = Marshal.AllocHGlobal(byteCount);

        ~Owner() => Marshal.FreeHGlobal(_block);
    }
}
