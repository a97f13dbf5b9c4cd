// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the scan as it runs in this process while every thread is held.
// Who calls it: the stopped world, for ConcurrentPass.
// The one idea: nothing moves, so this look sees what a copy would have shown; it is bounded, and what it found is thrown away
// when time runs out.
// Safety: all of it was laid out before threads were held; memory of the application is read by the kernel.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Marking;

/// <summary>What the look gets, and whether it took place.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct RestingLook
{
    public ScanContext* Scan;
    public LiveReader* Reader;
    public long LimitNanoseconds;

    /// <summary>1: the look was taken.</summary>
    public int WasRun;

    /// <summary>Looks. A thread that could not be held may change a table under the scan: then nothing is done.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(SnapshotView* view, void* context)
    {
        RestingLook* look = (RestingLook*)context;
        for (int i = 0; i < view->ThreadCount; i++)
        {
            if (view->Threads[i].State is ThreadParkState.Late or ThreadParkState.Blocking)
            {
                return;
            }
        }

        look->Reader->DeadlineNanoseconds = MonotonicClock.Nanoseconds() + look->LimitNanoseconds;
        look->WasRun = 1;
        ChildScan.Run(view, look->Scan);
    }
}
