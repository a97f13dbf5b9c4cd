// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>What a busy .NET process does, all at once: the load that snapshots must survive and leave unharmed.</summary>
internal sealed unsafe class ProcessLoad : IDisposable
{
    /// <summary>The parts a load can consist of.</summary>
    [Flags]
    public enum Kinds
    {
        Mutators = 1,
        Collections = 2,
        Faults = 4,
        Processes = 8,
        Threads = 16,
        Everything = 31,
    }

    public const int Groups = 2, CountersPerGroup = 64;

    private readonly List<Thread> _threads = [];
    private readonly nuint _counters;
    private volatile bool _stop;
    private volatile Exception? _failure;
    private long _collections, _exceptions, _processes, _threadsMade;

    public ProcessLoad(Kinds kinds = Kinds.Everything)
    {
        _counters = Platform.Pages.AllocatePrivate(4096);
        for (int group = 0; group < Groups && kinds.HasFlag(Kinds.Mutators); group++)
        {
            nuint* counters = Counters + (group * CountersPerGroup);
            Start("mutator", () => Mutate(counters));
        }

        Start(kinds, Kinds.Collections, "allocator", Allocate);
        Start(kinds, Kinds.Collections, "collector", Collect);
        Start(kinds, Kinds.Faults, "thrower", Throw);
        Start(kinds & (kinds == Kinds.Faults ? kinds : 0), Kinds.Faults, "second thrower", Throw);
        Start(kinds, Kinds.Processes, "starter", StartProcesses);
        Start(kinds, Kinds.Threads, "churner", ChurnThreads);
    }

    /// <summary>Counters that the mutators raise, see <see cref="ProbeChild.Check"/>.</summary>
    public nuint* Counters => (nuint*)_counters;

    public long Collections => Volatile.Read(ref _collections);

    public long Exceptions => Volatile.Read(ref _exceptions);

    public long Processes => Volatile.Read(ref _processes);

    public long ThreadsMade => Volatile.Read(ref _threadsMade);

    /// <summary>What went wrong in the load itself; null when nothing did.</summary>
    public Exception? Failure => _failure;

    /// <summary>What was done beside the snapshots.</summary>
    public string Summary()
        => $"{Collections} collections, {Exceptions} exceptions, {Processes} processes, {ThreadsMade} threads";

    public void Dispose()
    {
        _stop = true;
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        Platform.Pages.Release(_counters, 4096);
    }

    private void Start(Kinds kinds, Kinds kind, string name, Action body)
    {
        if (kinds.HasFlag(kind))
        {
            Start(name, body);
        }
    }

    private void Start(string name, Action body)
    {
        Thread thread = new(() =>
        {
            try
            {
                body();
            }
            catch (Exception failure)
            {
                _failure ??= failure;
            }
        })
        {
            Name = name,
            IsBackground = true,
        };
        _threads.Add(thread);
        thread.Start();
    }

    private void Mutate(nuint* counters)
    {
        for (nuint value = 1; !_stop; value++)
        {
            for (int i = 0; i < CountersPerGroup; i++)
            {
                Volatile.Write(ref counters[i], value);
            }
        }
    }

    private void Allocate()
    {
        Random random = new(1);
        object[] kept = new object[256];
        while (!_stop)
        {
            kept[random.Next(kept.Length)] = new byte[random.Next(10, random.Next(50) == 0 ? 100_000 : 2_000)];
        }
    }

    private void Collect()
    {
        Random random = new(2);
        while (!_stop)
        {
            GC.Collect(random.Next(3), GCCollectionMode.Forced, blocking: random.Next(2) == 0, compacting: random.Next(2) == 0);
            Interlocked.Increment(ref _collections);
            Thread.Sleep(random.Next(8));
        }
    }

    private void Throw()
    {
        string? nothing = null;
        while (!_stop)
        {
            try
            {
                // Not a throw: a real fault, which the runtime turns into an exception on its alternate stack.
                _ = nothing!.Length;
            }
            catch (NullReferenceException)
            {
                Interlocked.Increment(ref _exceptions);
            }
        }
    }

    private void StartProcesses()
    {
        while (!_stop)
        {
            using Process process = Process.Start("/bin/true");
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException("/bin/true failed");
            }

            Interlocked.Increment(ref _processes);
        }
    }

    private void ChurnThreads()
    {
        while (!_stop)
        {
            Thread[] threads = new Thread[4];
            for (int i = 0; i < threads.Length; i++)
            {
                threads[i] = new Thread(() => Thread.SpinWait(1000));
                threads[i].Start();
            }

            foreach (Thread thread in threads)
            {
                thread.Join();
                Interlocked.Increment(ref _threadsMade);
            }

            Thread.Sleep(1);
        }
    }
}
