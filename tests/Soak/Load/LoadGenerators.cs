// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: everything known to disturb a snapshot, all at once.
// Who calls it: SoakRun.
// The one idea: nothing here loses a native block, so every block called lost that was not planted is a wrong mark.
using System.Diagnostics;
using System.Reflection.Emit;
using System.Runtime.InteropServices;

namespace NativeLeak.Soak.Load;

/// <summary>All the kinds of work.</summary>
internal static unsafe class LoadGenerators
{
    private static readonly object?[] s_kept = new object?[512];
    private static long s_ticks;

    /// <summary>The generators, not started. Two allocate, as two threads must compete.</summary>
    public static IReadOnlyList<LoadGenerator> Create() =>
    [
        new("managed objects", AllocateObjects),
        new("more managed objects", AllocateObjects),
        new("native blocks", ChurnNativeBlocks),
        new("collections", Collect),
        new("exceptions", Throw),
        new("null references", Dereference),
        new("compiled methods", Compile),
        new("processes", StartProcess),
        new("threads", ChurnThreads),
        new("timers", StartTimers),
    ];

    private static int AllocateObjects(Random random)
    {
        const int Count = 1000;
        for (int i = 0; i < Count; i++)
        {
            int size = random.Next(200) == 0 ? random.Next(85_000, 200_000) : random.Next(1, 500);
            s_kept[random.Next(s_kept.Length)] = new byte[size];
        }

        return Count;
    }

    private static int ChurnNativeBlocks(Random random)
    {
        const int Count = 64;
        nint* blocks = stackalloc nint[Count];
        for (int i = 0; i < Count; i++)
        {
            blocks[i] = (nint)NativeMemory.Alloc((nuint)random.Next(8, 2000) * 2);
        }

        for (int i = 0; i < Count; i++)
        {
            NativeMemory.Free((void*)blocks[i]);
        }

        return Count;
    }

    private static int Collect(Random random)
    {
        GC.Collect(random.Next(3), GCCollectionMode.Forced, blocking: random.Next(2) == 0, compacting: random.Next(2) == 0);
        Thread.Sleep(random.Next(9));
        return 1;
    }

    private static int Throw(Random random)
    {
        try
        {
            ThrowFrom(random.Next(1, 20));
        }
        catch (InvalidOperationException)
        {
            // The point was to throw.
        }

        return 1;
    }

    private static int ThrowFrom(int depth)
        => depth == 0 ? throw new InvalidOperationException("thrown on purpose") : 1 + ThrowFrom(depth - 1);

    private static int Dereference(Random random)
    {
        string? nothing = random.Next() >= 0 ? null : "never";
        try
        {
            return nothing!.Length;
        }
        catch (NullReferenceException)
        {
            // Not a throw but a fault, handled by the runtime on its alternate stack: that is the point.
            return 1;
        }
    }

    private static int Compile(Random random)
    {
        DynamicMethod method = new("Add", typeof(int), [typeof(int)]);
        ILGenerator body = method.GetILGenerator();
        body.Emit(OpCodes.Ldarg_0);
        body.Emit(OpCodes.Ldc_I4, random.Next());
        body.Emit(OpCodes.Add);
        body.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int, int>>()(1) == int.MinValue ? 0 : 1;
    }

    private static int StartProcess(Random random)
    {
        using Process process = Process.Start("/bin/true");
        process.WaitForExit();
        return process.ExitCode == 0 ? 1 : throw new InvalidOperationException("a process of the load failed");
    }

    private static int ChurnThreads(Random random)
    {
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(static () => Thread.SpinWait(2000));
            threads[i].Start();
        }

        Array.ForEach(threads, static thread => thread.Join());
        Thread.Sleep(1);
        return threads.Length;
    }

    private static int StartTimers(Random random)
    {
        long before = Volatile.Read(ref s_ticks);
        using (Timer timer = new(static _ => Interlocked.Increment(ref s_ticks), null, 0, 1))
        {
            Task.Delay(random.Next(1, 10)).GetAwaiter().GetResult();
        }

        return (int)(Volatile.Read(ref s_ticks) - before);
    }
}
