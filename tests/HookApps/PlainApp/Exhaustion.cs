// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the structure handed to the C library is a local of the layout it expects.
using System.Globalization;
using System.Runtime.InteropServices;

/// <summary>
/// Allocates while the process may not have more data memory: the C heap has room enough from before, records have not. Then there
/// is memory again, and everything is read and freed.
/// </summary>
internal static unsafe partial class Exhaustion
{
    private const int Blocks = 400_000;
    private const int RlimitData = 2;

    // Records grow by 2 MiB; the runtime finds room for what it does meanwhile.
    private const ulong Room = 1792 << 10;

    public static void Run()
    {
        nint[] blocks = new nint[Blocks];
        MakeRoom(blocks);
        Fill(blocks, 0, 1000);
        ulong* limit = stackalloc ulong[2];
        Check(GetLimit(RlimitData, limit));
        ulong before = limit[0];
        limit[0] = DataInUse() + Room;
        Check(SetLimit(RlimitData, limit));
        Fill(blocks, 1000, Blocks);
        limit[0] = before;
        Check(SetLimit(RlimitData, limit));
        long sum = 0;
        foreach (nint block in blocks)
        {
            sum += *(long*)block;
            NativeMemory.Free((void*)block);
        }

        Fill(blocks, 0, 1000);
        foreach (nint block in blocks.AsSpan(0, 1000))
        {
            NativeMemory.Free((void*)block);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"exhausted={sum}"));
    }

    private static void Fill(nint[] blocks, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            long* block = (long*)NativeMemory.Alloc(16);
            *block = i;
            blocks[i] = (nint)block;
        }
    }

    // The last block stays, so that the C heap cannot give the others back to the system.
    private static void MakeRoom(nint[] blocks)
    {
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = Allocate(16);
        }

        foreach (nint block in blocks.AsSpan(0, blocks.Length - 1))
        {
            Free(block);
        }
    }

    private static ulong DataInUse() => ulong.Parse(
        File.ReadLines("/proc/self/status").Single(line => line.StartsWith("VmData:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) << 10;

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new InvalidOperationException("the limit cannot be read or set");
        }
    }

    // Not through the hook.
    [LibraryImport("libc", EntryPoint = "malloc")]
    private static partial nint Allocate(nint byteCount);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint block);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, ulong* limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, ulong* limit);
}
