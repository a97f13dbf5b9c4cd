// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace HookDriver;

/// <summary>Ends of the process while other threads are in the middle of allocating.</summary>
internal static unsafe class ExitCases
{
    private static volatile int s_running;

    /// <summary>Background threads allocate until the very end, and so does the exit handler.</summary>
    public static void HammerDuringExit()
    {
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            Counts before = Counts.Now;
            for (int i = 0; i < 20_000; i++)
            {
                Marshal.FreeHGlobal(Marshal.AllocHGlobal(64));
            }

            Console.WriteLine($"exit=handler unknown={(Counts.Now - before).UnknownFrees}");
        };
        StartHammers();
    }

    public static void HammerThenFailFast()
    {
        StartHammers();
        Environment.FailFast("asked to fail fast");
    }

    public static void HammerThenThrow()
    {
        StartHammers();
        throw new InvalidOperationException("asked to throw");
    }

    private static void StartHammers()
    {
        for (int i = 0; i < 4; i++)
        {
            new Thread(() =>
            {
                s_running++;
                while (true)
                {
                    NativeMemory.Free(NativeMemory.Realloc(NativeMemory.Alloc(32), 64));
                }
            })
            { IsBackground = true }.Start();
        }

        while (s_running < 2)
        {
            Thread.Yield();
        }
    }
}
