// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: the state word of a record (Live = 1, Retired = 2, pins above), whose retirement is two steps instead of one
// interlocked operation: a pin that comes between the two is overwritten.
namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the pin race.</summary>
internal static class SplitStateWord
{
    private const uint Live = 1, Retired = 2, StateMask = 3, OnePin = 4;

    public static void Publish(ref uint word) => Volatile.Write(ref word, Live);

    public static bool Retire(ref uint word)
    {
        uint seen = Volatile.Read(ref word);
        Volatile.Write(ref word, (seen & ~StateMask) | Retired);
        return seen < OnePin;
    }

    public static bool TryPin(ref uint word)
    {
        uint seen = Volatile.Read(ref word);
        while ((seen & StateMask) == Live)
        {
            uint now = Interlocked.CompareExchange(ref word, seen + OnePin, seen);
            if (now == seen)
            {
                return true;
            }

            seen = now;
        }

        return false;
    }

    public static bool Unpin(ref uint word) => Interlocked.Add(ref word, unchecked(0u - OnePin)) == Retired;
}
