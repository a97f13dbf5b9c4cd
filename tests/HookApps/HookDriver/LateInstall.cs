// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Interception;

namespace HookDriver;

/// <summary>Installs the hook while threads are in the middle of the functions it changes, as attaching does.</summary>
internal static unsafe class LateInstall
{
    private const int Threads = 4;
    private const int RoundsAfter = 20_000;

    public static InterceptionTier Install(InterceptionTier asked, out string detail)
    {
        using Barrier everybodyRuns = new(Threads + 1);
        int installed = 0;
        Thread[] workers = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            Work();
            everybodyRuns.SignalAndWait();
            for (int left = RoundsAfter; left > 0; left -= Volatile.Read(ref installed))
            {
                Work();
            }
        }))];
        Array.ForEach(workers, worker => worker.Start());
        everybodyRuns.SignalAndWait();
        InterceptionTier tier = RuntimeHook.Install(asked, out detail);
        Volatile.Write(ref installed, 1);
        Array.ForEach(workers, worker => worker.Join());
        return tier;
    }

    private static void Work()
    {
        NativeMemory.Free(NativeMemory.Realloc(NativeMemory.Alloc(24), 100));
        NativeMemory.AlignedFree(NativeMemory.AlignedRealloc(NativeMemory.AlignedAlloc(64, 64), 200, 64));
        NativeMemory.Free(NativeMemory.AllocZeroed(40));
    }
}
