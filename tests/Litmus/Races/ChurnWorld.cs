// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>A real record store, threads that insert and remove blocks, and what a reader found wrong.</summary>
internal sealed class ChurnWorld : IDisposable
{
    /// <summary>Blocks each writer inserts and removes.</summary>
    public const int PlacesPerWriter = 64;

    /// <summary>From one place to the next; blocks are smaller than half of it.</summary>
    public const nuint Spacing = 96;

    private const nuint Base = 0x4000_0000;

    private readonly LitmusPages _pages = new();
    private readonly int _writers;
    private long _writes;
    private long _violations;
    private string? _seen;
    private int _running;
    private bool _isOver;

    /// <param name="broken">Whether reclamation ignores readers.</param>
    /// <param name="writers">Threads that insert and remove.</param>
    public ChurnWorld(bool broken, int writers)
    {
        _writers = writers;
        Store = RecordStore.TryCreate(_pages, countGuards: !broken)!;
        // A reader is slow between finding a record and pinning it, as if it were preempted there; the control is no slower.
        Store.TestHookBeforePin = static () => Thread.SpinWait(150);
    }

    public RecordStore Store { get; }

    /// <summary>Every address that writers use.</summary>
    public int PlaceCount => _writers * PlacesPerWriter;

    public static nuint AddressOf(int place) => Base + ((nuint)(uint)place * Spacing);

    public void Dispose() => _pages.Dispose();

    /// <summary>Runs readers beside the writers; over when the readers are.</summary>
    public Batch Run(uint seed, long rounds, params Func<long>[] readers)
    {
        long raced = 0;
        int left = readers.Length;
        Action[] reading = [.. readers.Select(reader => (Action)(() =>
        {
            try
            {
                // Lookups before there is anything to race with would only make rounds.
                SpinWait.SpinUntil(() => Volatile.Read(ref _running) == _writers);
                Interlocked.Add(ref raced, reader());
            }
            finally
            {
                if (Interlocked.Decrement(ref left) == 0)
                {
                    Volatile.Write(ref _isOver, true);
                }
            }
        }))];
        Crew.Run([.. reading, .. Enumerable.Range(0, _writers).Select(writer => (Action)(() => Churn(writer, seed)))]);
        if (_violations == 0 && Store.FindBrokenInvariant() is { } broken)
        {
            Report(broken);
        }

        return new Batch(rounds, Math.Min(raced, _writes), _violations, _seen);
    }

    /// <summary>Notes what must not be.</summary>
    public void Report(string? seen)
    {
        if (seen is not null)
        {
            Interlocked.Increment(ref _violations);
            Interlocked.CompareExchange(ref _seen, seen, null);
        }
    }

    private void Churn(int writer, uint seed)
    {
        uint random = seed + ((uint)writer * 7919);
        long writes = 0;
        while (!Volatile.Read(ref _isOver))
        {
            random = (random * 1664525) + 1013904223;
            nuint address = AddressOf((writer * PlacesPerWriter) + (int)(random >> 16 & (PlacesPerWriter - 1)));
            if (!Blocks.RemoveAsAFreeDoes(Store, address, isQuick: address / 16 % 2 == 0))
            {
                Blocks.Insert(Store, address);
            }

            if (++writes == PlacesPerWriter)
            {
                Interlocked.Increment(ref _running);
            }
        }

        Interlocked.Add(ref _writes, writes);
    }
}
