// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>What a test hands to the code in the parked world and in the child, and gets back: in shared pages.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProbeContext
{
    public nuint* Counters;         // private memory that mutator threads keep changing in a known order
    public int CounterGroups;
    public int CountersPerGroup;
    public ulong Sought;            // a value to look for in registers
    public int ThreadId;            // the thread to look at
    public byte* Path;              // a file the child opens

    // ---- written by BeforeClone and AfterClone
    public int BeforeCalls;
    public int FailedChildren;      // as the last one saw it
    public int AfterCalls;
    public ulong AfterValue;

    // ---- written by the child
    public int GroupsChecked;
    public int GroupsTorn;
    public int GroupsMoved;
    public int FoundInRegisters;
    public int FoundInVectors;
    public int ThreadsWrong;
    public fixed int ThreadsByState[8];
    public int FoundState;          // of ThreadId, plus 1; 0 = not in the list
    public nuint FoundStackPointer;
    public nuint FoundThreadControlBlock;
    public int ControllerStackPointers;
    public int ChildProcessId;
    public int ChildDescriptor;
    public int ChildCalls;
    public ulong ChildSawAfterValue;
    public long ChildValue;
    public int Attempts;            // raised by every child, whatever becomes of it
}
