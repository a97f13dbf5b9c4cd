// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Soak.Load;

/// <summary>One kind of work that a busy process does, on a thread of its own, until the process ends.</summary>
/// <param name="name">What it makes, as the result names it.</param>
/// <param name="step">One piece of the work; how many things it made.</param>
internal sealed class LoadGenerator(string name, Func<Random, int> step)
{
    private long _count;
    private volatile Exception? _failure;

    /// <summary>What it makes.</summary>
    public string Name => name;

    /// <summary>How many it made so far.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>What stopped it; null while it works.</summary>
    public Exception? Failure => _failure;

    /// <summary>Starts it.</summary>
    public void Start(int seed) => new Thread(() => Work(new Random(seed))) { IsBackground = true, Name = name }.Start();

    private void Work(Random random)
    {
        try
        {
            while (true)
            {
                Interlocked.Add(ref _count, step(random));
            }
        }
        catch (Exception failure)
        {
            // Told in the result: a load that stopped means the snapshots were taken under less of it.
            _failure = failure;
        }
    }
}
