// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Litmus;

/// <summary>Counts the rounds in which two threads were at work at the same time: the second to begin saw the first.</summary>
internal sealed class Meeting
{
    private int _atWork;
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    public void Begin()
    {
        if (Interlocked.Increment(ref _atWork) == 2)
        {
            Interlocked.Increment(ref _count);
        }
    }

    public void End() => Interlocked.Decrement(ref _atWork);
}
