// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the whole life of the cloned child: cut every tie with the host, run the scan, end.
// Who calls it: StoppedWorld, on the child's side of the clone.
// The one idea: nothing returns from here. Behind us on the stack lies a runtime whose threads do not exist any more.
// Safety: the request and the view are in native pages that the child holds as copies; nothing of the managed heap is
// touched.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>The cloned child, which shares nothing with the host but the shared pages of the detector.</summary>
[ChildCode]
internal static unsafe class SnapshotChild
{
    /// <summary>The exit code that means: the scan came to its end.</summary>
    public const int Success = 7;

    /// <summary>The exit code of a child whose parent was gone before it could ask to die with it.</summary>
    public const int Orphan = 8;

    private const nint PrSetPdeathsig = 1, PrSetName = 15, RlimitCore = 4, CloseRangeUnshare = 2, OpenWriteOnly = 1;
    private const nint SigKill = 9;

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Current;
        public ulong Maximum;
    }

    /// <summary>Runs the child. Never returns.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(ZoneState* zone)
    {
        // Die with the parent; if it died before that was said, nobody is left to say it.
        RawSyscall.Invoke(SyscallNumber.Prctl, PrSetPdeathsig, SigKill);
        if (RawSyscall.Invoke(SyscallNumber.Getppid) != zone->View->ParentProcessId)
        {
            Exit(Orphan);
        }

        CutTies(zone);
        zone->Request.Child(zone->View, zone->Request.Context);
        Exit(Success);
    }

    [MethodImpl(ChildCode.Options)]
    private static void CutTies(ZoneState* zone)
    {
        // A descriptor table of our own, empty, made without ever copying the parent's: what the parent closes is closed,
        // and a descriptor we open cannot stay behind in the host when we are killed. (Before Linux 5.9 the call does not
        // exist: then the table stays shared, as it came.)
        RawSyscall.Invoke(SyscallNumber.CloseRange, 0, unchecked((nint)uint.MaxValue), CloseRangeUnshare);

        // No core file of a copy of the host, and the first victim when memory runs out.
        ResourceLimit none;
        none.Current = 0;
        none.Maximum = 0;
        RawSyscall.Invoke(SyscallNumber.SetRlimit, RlimitCore, (nint)(&none));
        RawSyscall.Invoke(SyscallNumber.Prctl, PrSetName, (nint)zone->ChildName);
        nint descriptor = RawSyscall.Invoke(SyscallNumber.Open, (nint)zone->OutOfMemoryScorePath, OpenWriteOnly);
        if (descriptor >= 0)
        {
            RawSyscall.Invoke(SyscallNumber.Write, descriptor, (nint)zone->OutOfMemoryScore, 4);
            RawSyscall.Invoke(SyscallNumber.Close, descriptor);
        }

        SafeRead.OpenChildsOwn(zone->MemoryFilePath);
    }

    [MethodImpl(ChildCode.Options)]
    private static void Exit(int code)
    {
        while (true)
        {
            RawSyscall.Invoke(SyscallNumber.ExitGroup, code);
        }
    }
}
