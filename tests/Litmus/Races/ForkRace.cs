// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>
/// Slot to fork vs free, and vs another fork: a window in which a second block starts keeps what is live and nothing else.
/// </summary>
internal sealed class ForkRace : Race
{
    // A fork stays for good, so each round has a window of its own.
    private const int Rounds = 10_000;
    private const nuint Base = 0x1000_0000;
    private const nuint WindowByteCount = 64, GranuleByteCount = 16;

    public override string Name => "fork-free";

    public override string Summary => "a window's slot becomes a fork while its block is freed, or while another thread makes it one";

    public override string Control => "a slot is made a fork by a look and a store, not compared and exchanged";

    public override Batch Run(bool broken, uint seed)
    {
        using LitmusPages pages = new();
        RecordStore store = RecordStore.TryCreate(pages)!;
        PlainForks plain = new(broken ? Rounds : 0);
        Lockstep step = new(threads: 2);
        Meeting meeting = new();
        bool isFreed = false;
        long wrong = 0;
        string? seen = null;
        Crew.Run(() => Work(0), () => Work(1));
        if (wrong == 0 && store.FindBrokenInvariant() is { } invariant)
        {
            wrong++;
            seen = invariant;
        }

        return new Batch(Rounds, meeting.Count, wrong, seen);

        // Thread 0: the block that is there, and in even rounds its free. Thread 1: the second block. In odd rounds
        // thread 0 enters a third one instead.
        void Work(int thread)
        {
            for (int round = 0; round < Rounds; round++)
            {
                uint first = (uint)round & 3, second = (first + 1) & 3, third = (first + 2) & 3;
                bool frees = ((round >> 2) & 1) == 0;
                if (thread == 0)
                {
                    Insert(round, first, thread);
                }

                step.Wait((2 * round) + 0);
                meeting.Begin();
                Thread.SpinWait((int)((seed + (uint)(round >> (3 * thread))) % 7));
                if (thread == 1)
                {
                    Insert(round, second, thread);
                }
                else if (frees)
                {
                    isFreed = Remove(round, first);
                }
                else
                {
                    Insert(round, third, thread);
                }

                meeting.End();
                step.Wait((2 * round) + 1);
                if (thread == 0)
                {
                    Check(round, first, !frees, frees && !isFreed);
                    Check(round, second, isLive: true, isLost: false);
                    Check(round, third, !frees, isLost: false);
                }
            }
        }

        void Check(int round, uint granule, bool isLive, bool isLost)
        {
            bool isFound = broken ? plain.Has(round, granule) : Find(AddressOf(round, granule));
            if (isFound != isLive || isLost)
            {
                wrong++;
                seen ??= string.Create(CultureInfo.InvariantCulture, $"a {(isLive ? "live" : "freed")} block of a window that "
                    + $"became a fork is {(isLost ? "not found by its free" : isFound ? "still found" : "not found")} (round {round})");
            }
        }

        void Insert(int round, uint granule, int thread)
        {
            if (broken)
            {
                plain.Insert(round, granule, granule + 1, thread);
            }
            else
            {
                Blocks.Insert(store, AddressOf(round, granule), GranuleByteCount);
            }
        }

        bool Remove(int round, uint granule)
            => broken ? plain.TryRemove(round, granule) : store.TryRemove(AddressOf(round, granule), out _);

        bool Find(nuint address)
        {
            using EpochGuard guard = store.Epochs.Enter();
            bool isFound = store.TryFind(in guard, address, out RecordHandle found);
            found.Dispose();
            return isFound;
        }
    }

    private static nuint AddressOf(int round, uint granule)
        => Base + ((nuint)(uint)round * WindowByteCount) + (granule * GranuleByteCount);
}
