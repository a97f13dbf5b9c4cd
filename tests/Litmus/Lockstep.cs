// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Litmus;

/// <summary>Lets a few threads go at the same moment, again and again. Spins, so that they really start together.</summary>
internal sealed class Lockstep(int threads)
{
    private const int SpinsBeforeYield = 2000;

    private int _arrived;

    /// <summary>Returns when all threads have called it for the <paramref name="round"/>th time, counted from 0.</summary>
    public void Wait(int round)
    {
        Interlocked.Increment(ref _arrived);
        int target = (round + 1) * threads;
        for (int spins = 0; Volatile.Read(ref _arrived) < target; spins++)
        {
            if (spins > SpinsBeforeYield)
            {
                Thread.Yield();
            }
        }
    }
}
