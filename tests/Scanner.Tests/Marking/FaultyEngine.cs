// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>What becomes of the children of a <see cref="FaultyEngine"/>.</summary>
internal enum ChildFault
{
    /// <summary>Each writes half of its results and hangs.</summary>
    Hang,

    /// <summary>Each writes half of its results and dies.</summary>
    Die,

    /// <summary>The first dies, the second scans.</summary>
    DieOnce,

    /// <summary>Two die, the third scans.</summary>
    DieTwice,
}

/// <summary>Real snapshots of this process whose children come to grief.</summary>
[ChildCode]
internal sealed unsafe class FaultyEngine(ChildFault fault) : ISnapshotEngine
{
    /// <summary>The stage in which a child comes to grief.</summary>
    public const int Stage = 77;

    /// <summary>What the last snapshot was.</summary>
    public SnapshotResult Last { get; private set; }

    public SnapshotResult Take(in SnapshotRequest request)
    {
        SnapshotRequest changed = request;
        changed.SilenceLimit = fault == ChildFault.Hang ? TimeSpan.FromMilliseconds(200) : request.SilenceLimit;
        changed.Child = fault switch
        {
            ChildFault.Hang => &Hang,
            ChildFault.Die => &Die,
            ChildFault.DieOnce => &DieOnce,
            _ => &DieTwice,
        };
        return Last = Platform.Snapshots.Take(in changed);
    }

    [MethodImpl(ChildCode.Options)]
    private static void Hang(SnapshotView* view, void* context)
    {
        WriteHalf(view, context);
        while (true)
        {
            RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&view->Stage), 0, Stage, 0);
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void Die(SnapshotView* view, void* context)
    {
        WriteHalf(view, context);
        view->Progress = *(long*)8;
    }

    [MethodImpl(ChildCode.Options)]
    private static void DieOnce(SnapshotView* view, void* context) => DieUntil(view, context, ScanContext.ProbeFirst);

    [MethodImpl(ChildCode.Options)]
    private static void DieTwice(SnapshotView* view, void* context) => DieUntil(view, context, ScanContext.CopyFirst);

    [MethodImpl(ChildCode.Options)]
    private static void DieUntil(SnapshotView* view, void* context, int caution)
    {
        if (((ScanContext*)context)->Caution < caution)
        {
            Die(view, context);
        }

        ChildScan.Run(view, context);
    }

    // As if it had been in the middle of its work: the parent must believe none of it.
    [MethodImpl(ChildCode.Options)]
    private static void WriteHalf(SnapshotView* view, void* context)
    {
        view->Stage = Stage;
        ((ScanContext*)context)->Counters->LostCount = 5;
        ((ScanContext*)context)->Counters->Definite.Blocks = 5;
        ((ScanContext*)context)->Counters->Live.Blocks = 5;
    }
}
