// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.ExitApps;

/// <summary>Where blocks are planted: on a thread that ends, so that nothing of it keeps them.</summary>
internal static unsafe class EndedThread
{
    private const int DeadByteCount = 128 * 1024;

    /// <summary>Runs to its end what plants blocks.</summary>
    public static void Run(ThreadStart action)
    {
        Thread thread = new(() =>
        {
            action();
            Scrub();
        });
        thread.Start();
        thread.Join();
    }

    /// <summary>Overwrites what ended calls left below the caller's frame.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Scrub()
    {
        byte* dead = stackalloc byte[DeadByteCount];
        NativeMemory.Fill(dead, DeadByteCount, 0x5C);
    }
}
