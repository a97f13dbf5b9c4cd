// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the store-buffer litmus of the epoch domain. A reader announces itself and looks at a cell; a writer takes the
// cell away and asks who is announced. A reader that sees a cell poisoned under its guard has been overlooked.
using System.Globalization;
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.Litmus.Races;

/// <summary>Announcement vs question, on EpochDomain alone.</summary>
internal sealed unsafe class AnnounceRace : Race
{
    private const int Cells = 64;
    private const int Visits = 200_000;
    private const nuint Spacing = 128;

    public override string Name => "announce";

    public override string Summary => "a reader announces itself while a writer asks whether anybody is announced";

    public override string Control => "the announcement is a plain store, not a full fence";

    public override Batch Run(bool broken, uint seed)
    {
        using LitmusPages pages = new();
        nuint memory = pages.AllocatePrivate(16 * pages.PageByteCount);
        World world = new(memory, EpochDomain.TryCreate(pages)!, broken ? new UnfencedEpochs(memory + (8 * pages.PageByteCount)) : null);
        Crew.Run(world.Read, world.Write);
        return world.Result;
    }

    /// <summary>Cell 0 is the slot with the number of the current cell; 1 … Cells are the cells.</summary>
    private sealed class World(nuint memory, EpochDomain real, UnfencedEpochs? unfenced)
    {
        private readonly Queue<(int Cell, ulong Stamp)> _retired = [];
        private readonly Stack<int> _free = new(Enumerable.Range(2, Cells - 1));
        private long _poisoned;
        private long _reclaimed;
        private bool _isOver;

        public Batch Result => new(Visits, Math.Min(_reclaimed, Visits), _poisoned, _poisoned == 0 ? null
            : string.Create(CultureInfo.InvariantCulture, $"a reader inside its guard saw a reclaimed cell {_poisoned} time(s)"));

        public void Read()
        {
            Volatile.Write(ref Slot, 1);
            for (int i = 0; i < Visits; i++)
            {
                if (unfenced is not null)
                {
                    unfenced.Enter();
                    Look();
                    unfenced.Exit();
                }
                else
                {
                    using EpochGuard guard = real.Enter();
                    Look();
                }

                Thread.SpinWait(i & 7);
            }

            Volatile.Write(ref _isOver, true);
        }

        public void Write()
        {
            while (!Volatile.Read(ref _isOver))
            {
                Reclaim();
                if (_free.Count == 0)
                {
                    continue;
                }

                int fresh = _free.Pop();
                Volatile.Write(ref Cell(fresh), 0);
                int old = (int)Interlocked.Exchange(ref Slot, fresh);
                if (old == 0)
                {
                    continue;
                }

                if (unfenced?.IsQuiet ?? real.IsQuiet)
                {
                    Poison(old);
                }
                else
                {
                    _retired.Enqueue((old, unfenced?.CurrentEpoch ?? real.CurrentEpoch));
                }
            }
        }

        private ref long Slot => ref *(long*)memory;

        private ref long Cell(int number) => ref *(long*)(memory + ((nuint)(uint)number * Spacing));

        private void Look()
        {
            int number = (int)Volatile.Read(ref Slot);
            if (number == 0)
            {
                return;
            }

            for (int i = 0; i < 8; i++)
            {
                if (Volatile.Read(ref Cell(number)) != 0)
                {
                    _poisoned++;
                    return;
                }
            }
        }

        private void Reclaim()
        {
            if (unfenced is not null)
            {
                unfenced.Advance();
            }
            else
            {
                real.Advance();
            }

            ulong oldest = unfenced?.OldestGuard() ?? real.OldestGuard();
            while (_retired.TryPeek(out (int Cell, ulong Stamp) first) && first.Stamp < oldest)
            {
                _retired.Dequeue();
                Poison(first.Cell);
            }
        }

        private void Poison(int number)
        {
            Volatile.Write(ref Cell(number), 1);
            _free.Push(number);
            _reclaimed++;
        }
    }
}
