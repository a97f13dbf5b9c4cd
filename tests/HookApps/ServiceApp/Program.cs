// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Each line of standard input is a command, answered by one line: leak <blocks> <bytes> | hold <bytes> | address | work <rounds>
// | pool | compiled | meter <name> | variables | exit <code>. The end of the input is exit 0.
Console.WriteLine($"ready {Environment.ProcessId}");
while (Console.ReadLine() is { } line)
{
    string[] words = line.Split(' ');
    switch (words[0])
    {
        case "leak":
            OnEndedThread(() => Service.Leak(Number(words[1]), Number(words[2])));
            break;
        case "hold":
            OnEndedThread(() => Service.Held = Marshal.AllocHGlobal(Number(words[1])));
            break;
        case "address":
            Console.WriteLine(Service.Held.ToString("x", CultureInfo.InvariantCulture));
            continue;
        case "work":
            Service.Work(Number(words[1]));
            break;
        case "pool":
            Console.WriteLine($"{ThreadPool.ThreadCount} {ThreadPool.CompletedWorkItemCount}");
            continue;
        case "compiled":
            Console.WriteLine(System.Runtime.JitInfo.GetCompiledMethodCount());
            continue;
        case "meter":
            Console.WriteLine(Meters.Read(words[1]));
            continue;
        case "variables":
            Console.WriteLine(string.Join(',', Environment.GetEnvironmentVariables().Keys.Cast<string>()
                .Where(name => name.StartsWith("NATIVELEAK", StringComparison.Ordinal)).Order()));
            continue;
        case "exit":
            return Number(words[1]);
        default:
            Console.WriteLine("unknown");
            continue;
    }

    Console.WriteLine("done");
}

return 0;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

// What a thread that has ended knew, nobody knows any more.
static void OnEndedThread(Action action)
{
    Thread thread = new(() => action());
    thread.Start();
    thread.Join();
}

/// <summary>What the program does with unmanaged memory.</summary>
internal static class Service
{
    /// <summary>A block in use.</summary>
    public static nint Held;

    private static readonly ConcurrentBag<byte[]> s_bag = [];

    /// <summary>Allocates and forgets.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static unsafe void Leak(int blocks, int byteCount)
    {
        for (int i = 0; i < blocks; i++)
        {
            NativeMemory.Fill((void*)Marshal.AllocHGlobal(byteCount), (nuint)byteCount, (byte)'~');
        }
    }

    /// <summary>Allocates and frees, on several threads, with collections.</summary>
    public static void Work(int rounds)
    {
        Parallel.For(0, rounds, i =>
        {
            nint block = Marshal.AllocHGlobal(1 + (i % 900));
            s_bag.Add(new byte[256]);
            if (i % 1000 == 0)
            {
                s_bag.Clear();
                GC.Collect(0);
            }

            Marshal.FreeHGlobal(block);
        });
    }
}
