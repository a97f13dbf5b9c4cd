// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Code that tests run in the parked world and in the child.</summary>
[ChildCode]
internal static unsafe class ProbeChild
{
    public const ulong AfterValue = 0xAF7E_2000_0000_0001;

    [MethodImpl(ChildCode.Options)]
    public static void Before(SnapshotView* view, void* context)
    {
        ((ProbeContext*)context)->BeforeCalls++;
        ((ProbeContext*)context)->FailedChildren = view->FailedChildren;
    }

    [MethodImpl(ChildCode.Options)]
    public static void After(SnapshotView* view, void* context)
    {
        ((ProbeContext*)context)->AfterCalls++;
        ((ProbeContext*)context)->AfterValue = AfterValue;
    }

    /// <summary>Outlasts the first hold limit, which is 0.9 s; the second try has time.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void BeforeSlowly(SnapshotView* view, void* context)
    {
        TimeSpecification pause;
        pause.Seconds = 1;
        pause.Nanoseconds = 300_000_000;
        RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&view->Stage), 0, view->Stage, (nint)(&pause));
        ((ProbeContext*)context)->BeforeCalls++;
        ((ProbeContext*)context)->FailedChildren = view->FailedChildren;
    }

    /// <summary>Ends at once, successfully.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Nothing(SnapshotView* view, void* context) => ((ProbeContext*)context)->ChildCalls++;

    /// <summary>Dies of a load from address 8.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Crash(SnapshotView* view, void* context)
    {
        ((ProbeContext*)context)->Attempts++;
        view->Stage = 42;
        ((ProbeContext*)context)->ChildValue = *(long*)8;
    }

    /// <summary>Crashes the first two times.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void CrashTwice(SnapshotView* view, void* context)
    {
        if (++((ProbeContext*)context)->Attempts < 3)
        {
            ((ProbeContext*)context)->ChildValue = *(long*)8;
        }
    }

    /// <summary>Never ends and never makes progress.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Hang(SnapshotView* view, void* context)
    {
        ((ProbeContext*)context)->ChildProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        ((ProbeContext*)context)->ChildDescriptor = ((ProbeContext*)context)->Path == null ? -1
            : (int)RawSyscall.Invoke(SyscallNumber.Open, (nint)((ProbeContext*)context)->Path, 0);
        view->Stage = 43;
        ((ProbeContext*)context)->Attempts++;
        while (Volatile.Read(ref view->Progress) >= 0)
        {
            RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&view->Stage), 0, 43, 0);
        }
    }

    /// <summary>Hangs the first time.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void HangOnce(SnapshotView* view, void* context)
    {
        if (((ProbeContext*)context)->Attempts == 0)
        {
            Hang(view, context);
        }

        ((ProbeContext*)context)->ChildCalls++;
    }

    /// <summary>Makes progress for ever.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void WorkWithoutEnd(SnapshotView* view, void* context)
    {
        ((ProbeContext*)context)->ChildProcessId = (int)RawSyscall.Invoke(SyscallNumber.Getpid);
        ((ProbeContext*)context)->Attempts++;
        while (true)
        {
            view->Progress++;
        }
    }

    /// <summary>Takes several silence limits, but says so.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void WorkSlowly(SnapshotView* view, void* context)
    {
        TimeSpecification pause;
        pause.Seconds = 0;
        pause.Nanoseconds = 20_000_000;
        for (int i = 0; i < 50; i++)
        {
            RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&view->Stage), 0, view->Stage, (nint)(&pause));
            view->Progress++;
        }

        ((ProbeContext*)context)->ChildCalls++;
    }

    /// <summary>Waits for the parent's part, then looks at everything a probe can check.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Check(SnapshotView* view, void* context)
    {
        ProbeContext* probe = (ProbeContext*)context;
        probe->ChildCalls++;
        CheckCounters(probe);
        CheckThreads(view, probe);
        view->Progress++;
        while (Volatile.Read(ref view->ParentDone) == 0)
        {
            TimeSpecification limit;
            limit.Seconds = 1;
            limit.Nanoseconds = 0;
            RawSyscall.Invoke(SyscallNumber.Futex, (nint)(&view->ParentDone), 0, 0, (nint)(&limit));
        }

        probe->ChildSawAfterValue = probe->AfterValue;
        view->Stage = 4;
    }

    /// <summary>The same look at the counters, in the living process: the control.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void CheckLiving(ProbeContext* probe) => CheckCounters(probe);

    // A mutator writes n into counters 0 … last, one after the other, then n+1: a frozen group is a run of n followed by a
    // run of n−1, and stays as it is.
    [MethodImpl(ChildCode.Options)]
    private static void CheckCounters(ProbeContext* probe)
    {
        for (int group = 0; group < probe->CounterGroups; group++)
        {
            nuint* counters = probe->Counters + (group * probe->CountersPerGroup);
            nuint first = Volatile.Read(ref counters[0]);
            nuint previous = first;
            for (int i = 1; i < probe->CountersPerGroup; i++)
            {
                nuint value = Volatile.Read(ref counters[i]);
                if (value != previous && (value != first - 1 || previous != first))
                {
                    probe->GroupsTorn++;
                    break;
                }

                previous = value;
            }

            if (Volatile.Read(ref counters[0]) != first)
            {
                probe->GroupsMoved++;
            }

            probe->GroupsChecked++;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static void CheckThreads(SnapshotView* view, ProbeContext* probe)
    {
        int parked = 0;
        for (int i = 0; i < view->ThreadCount; i++)
        {
            ParkedThread* thread = view->Threads + i;
            probe->ThreadsByState[(int)thread->State & 7]++;
            if (thread->State == ThreadParkState.Controller && thread->StackPointer != 0
                && *(nuint*)thread->ThreadControlBlock == thread->ThreadControlBlock)
            {
                probe->ControllerStackPointers++;
            }

            if (thread->ThreadId == probe->ThreadId)
            {
                probe->FoundState = (int)thread->State + 1;
                probe->FoundStackPointer = thread->StackPointer;
                probe->FoundThreadControlBlock = thread->ThreadControlBlock;
            }

            if (thread->State != ThreadParkState.Parked)
            {
                continue;
            }

            parked++;
            if (thread->StackPointer == 0 || thread->ThreadControlBlock == 0
                || *(nuint*)thread->ThreadControlBlock != thread->ThreadControlBlock)
            {
                probe->ThreadsWrong++;
            }

            if (probe->Sought != 0 && (probe->ThreadId == 0 || thread->ThreadId == probe->ThreadId))
            {
                probe->FoundInRegisters += Count((ulong*)&thread->Registers, probe->Sought);
                probe->FoundInVectors += Count((ulong*)&thread->VectorRegisters, probe->Sought);
            }
        }

        if (parked != view->ParkedCount)
        {
            probe->ThreadsWrong++;
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static int Count(ulong* range, ulong sought)
    {
        int found = 0;
        for (ulong* at = (ulong*)range[0]; at < (ulong*)range[1]; at++)
        {
            if (*at == sought)
            {
                found++;
            }
        }

        return found;
    }
}
