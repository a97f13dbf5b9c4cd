// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Litmus.Frozen;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Litmus.Races;

/// <summary>Free vs pin, on the state word: a retired record is handed to reclamation exactly once.</summary>
internal sealed class PinRace : Race
{
    private const int Rounds = 10_000;

    public override string Name => "free-pin";

    public override string Summary => "a block is freed while a reader pins and unpins its record";

    public override string Control => "retirement reads and writes the state word in two steps";

    public override Batch Run(bool broken, uint seed)
    {
        Lockstep step = new(threads: 2);
        uint word = 0;
        long pinned = 0, wrong = 0;
        string? seen = null;
        bool retirerHandsOver = false, readerHandsOver = false;
        Crew.Run(
            () =>
            {
                for (int round = 0; round < Rounds; round++)
                {
                    Publish(ref word, broken);
                    step.Wait((2 * round) + 0);
                    Thread.SpinWait((int)((seed + (uint)round) % 5));
                    retirerHandsOver = broken ? SplitStateWord.Retire(ref word) : RecordStateWord.Retire(ref word);
                    step.Wait((2 * round) + 1);
                    int handedOver = (retirerHandsOver ? 1 : 0) + (readerHandsOver ? 1 : 0);
                    if (handedOver != 1)
                    {
                        wrong++;
                        seen ??= string.Create(CultureInfo.InvariantCulture,
                            $"a retired record was handed to reclamation {handedOver} times (state word {word:x})");
                    }
                }
            },
            () =>
            {
                for (int round = 0; round < Rounds; round++)
                {
                    step.Wait((2 * round) + 0);
                    bool isPinned = broken ? SplitStateWord.TryPin(ref word) : RecordStateWord.TryPin(ref word);
                    Thread.SpinWait((int)(((uint)round >> 3) % 3));
                    readerHandsOver = isPinned
                        && (broken ? SplitStateWord.Unpin(ref word) : RecordStateWord.Unpin(ref word));
                    pinned += isPinned ? 1 : 0;
                    step.Wait((2 * round) + 1);
                }
            });
        return new Batch(Rounds, pinned, wrong, seen);
    }

    private static void Publish(ref uint word, bool broken)
    {
        if (broken)
        {
            SplitStateWord.Publish(ref word);
        }
        else
        {
            RecordStateWord.Publish(ref word, AllocationApi.Unknown, BlockFlags.None, thread: 1);
        }
    }
}
