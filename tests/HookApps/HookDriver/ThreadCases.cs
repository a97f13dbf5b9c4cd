// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace HookDriver;

/// <summary>
/// Far more threads than there are thread numbers, and more than the kernel has thread ids where it has few: each allocates and
/// frees, some leave a block, and all is told who did it.
/// </summary>
internal static unsafe partial class ThreadCases
{
    private const int Lanes = 4, Blocks = 150, KeepEvery = 50;

    public static void Run(int threads)
    {
        Counts before = Counts.Now;
        List<(nint Block, int ThreadId)>[] kept = [.. Enumerable.Range(0, Lanes).Select(_ => new List<(nint, int)>())];
        Thread[] lanes = [.. Enumerable.Range(0, Lanes).Select(lane => new Thread(() =>
        {
            for (int i = 0; i < threads / Lanes; i++)
            {
                bool keeps = i % KeepEvery == 0;
                Thread one = new(() => Work(keeps ? kept[lane] : null), maxStackSize: 256 << 10);
                one.Start();
                one.Join();
            }
        }))];
        Array.ForEach(lanes, static lane => lane.Start());
        Array.ForEach(lanes, static lane => lane.Join());
        int exact = 0, several = 0, unknown = 0, wrong = 0;
        foreach ((nint block, int threadId) in kept.SelectMany(static lane => lane))
        {
            string bearer = Describe((nuint)block);
            exact += bearer.Contains($"native id {threadId},", StringComparison.Ordinal) ? 1 : 0;
            several += !bearer.Contains($"native id {threadId},", StringComparison.Ordinal)
                && bearer.EndsWith("or an ended thread that bore this number before", StringComparison.Ordinal) ? 1 : 0;
            unknown += bearer == "unknown thread" ? 1 : 0;
            wrong += bearer == "no record" ? 1 : 0;
            NativeMemory.Free((void*)block);
        }

        wrong += kept.Sum(static lane => lane.Count) - exact - several - unknown;
        Counts after = Counts.Now - before;
        Console.WriteLine($"threads={threads} kept={kept.Sum(static lane => lane.Count)} wrong={wrong} left={after.LiveBlocks} unknown={after.UnknownFrees}");
        Console.WriteLine($"exact={exact}");
        Console.WriteLine($"nobody={unknown}");
        Console.WriteLine($"entries={RecordTable.HighWater}");
    }

    private static void Work(List<(nint Block, int ThreadId)>? kept)
    {
        nint* blocks = stackalloc nint[Blocks];
        for (int i = 0; i < Blocks; i++)
        {
            blocks[i] = (nint)NativeMemory.Alloc(24);
        }

        for (int i = 0; i < Blocks; i++)
        {
            NativeMemory.Free((void*)blocks[i]);
        }

        kept?.Add(((nint)NativeMemory.Alloc(24), GetThreadId()));
    }

    private static string Describe(nuint block)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, block, out RecordHandle found))
        {
            return "no record";
        }

        ushort number = found.Record.ThreadNumber;
        found.Dispose();
        return ThreadNumbers.Describe(number);
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();
}
