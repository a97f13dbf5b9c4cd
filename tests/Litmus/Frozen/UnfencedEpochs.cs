// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: EpochDomain for one reader, without the interlocked announcement. A plain (release) store can wait in the store
// buffer while the reader's next load is answered: the writer sees nobody, and the reader sees what the writer takes away.
namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the announce race.</summary>
internal sealed unsafe class UnfencedEpochs(nuint memory)
{
    private readonly int* _active = (int*)memory;
    private readonly ulong* _slot = (ulong*)(memory + 128);
    private readonly ulong* _epoch = (ulong*)(memory + 256);

    public bool IsQuiet => Volatile.Read(ref *_active) == 0;

    public ulong CurrentEpoch => Volatile.Read(ref *_epoch);

    public void Enter()
    {
        Volatile.Write(ref *_active, 1);
        Volatile.Write(ref *_slot, CurrentEpoch + 1);
    }

    public void Exit()
    {
        Volatile.Write(ref *_slot, 0);
        Volatile.Write(ref *_active, 0);
    }

    public void Advance() => Interlocked.Increment(ref *_epoch);

    public ulong OldestGuard()
    {
        ulong seen = IsQuiet ? 0 : Volatile.Read(ref *_slot);
        return seen == 0 ? ulong.MaxValue : seen - 1;
    }
}
