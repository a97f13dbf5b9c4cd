// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Notes who was held, in groups. Child code: it runs while threads are held.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct HeldThreads
{
    public const int Capacity = 4096;

    public int Groups, Threads, LargestGroup, Sought;
    public ParkedThread Found;
    public ulong SoughtInRegisters;
    public int RegistersWith;
    public fixed int Ids[Capacity];

    [MethodImpl(ChildCode.Options)]
    public static void Note(SnapshotView* view, void* context)
    {
        HeldThreads* held = (HeldThreads*)context;
        held->Groups++;
        int size = view->ThreadCount - 1;
        held->LargestGroup = size > held->LargestGroup ? size : held->LargestGroup;
        for (int i = 1; i < view->ThreadCount; i++)
        {
            ParkedThread* thread = view->Threads + i;
            if (held->Threads < Capacity)
            {
                held->Ids[held->Threads++] = thread->ThreadId;
            }

            if (thread->ThreadId == held->Sought)
            {
                held->Found = *thread;
            }

            for (nuint at = thread->Registers.Start; at < thread->Registers.End; at += 8)
            {
                held->RegistersWith += held->SoughtInRegisters != 0 && *(ulong*)at == held->SoughtInRegisters ? 1 : 0;
            }
        }
    }
}
