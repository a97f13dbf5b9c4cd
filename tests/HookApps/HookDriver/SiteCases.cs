// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace HookDriver;

/// <summary>Whom a block is attributed to: the first frames of its site, and what the record says.</summary>
internal static unsafe class SiteCases
{
    public static void Run()
    {
        Print("malloc", NamedAllocHGlobal());
        Print("calloc", NamedAllocZeroed());
        Print("realloc", NamedRealloc());
        Print("aligned", NamedAlignedAlloc());
        Print("aligned realloc", NamedAlignedRealloc());
        Print("bstr", NamedBstr() - 8); // the block starts 8 bytes before the characters
    }

    private static void Print(string name, nint block)
    {
        string line;
        using (EpochGuard guard = RecordTable.EnterGuard())
        {
            if (!RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found))
            {
                line = "no record";
            }
            else
            {
                using RecordHandle handle = found;
                BlockRecord record = handle.Record;
                IEnumerable<string> frames = SiteDepot.GetStack(record.Site)?.Frames.Select(frame => frame.ToString()) ?? [];
                bool isAttributed = frames.Any(frame => frame.StartsWith("HookDriver.SiteCases.Named", StringComparison.Ordinal));
                line = $"bytes={record.BlockByteCount} api={record.Api} flags={record.Flags} "
                    + $"first={frames.FirstOrDefault(frame => !frame.StartsWith("Interop", StringComparison.Ordinal))} mine={isAttributed}";
            }
        }

        Console.WriteLine($"site={name} {line}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint NamedAllocHGlobal() => Marshal.AllocHGlobal(100);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint NamedAllocZeroed() => (nint)NativeMemory.AllocZeroed(10, 20);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint NamedRealloc() => (nint)NativeMemory.Realloc(NativeMemory.Alloc(16), 300);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint NamedAlignedAlloc() => (nint)NativeMemory.AlignedAlloc(100, 64);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint NamedAlignedRealloc() => (nint)NativeMemory.AlignedRealloc(NativeMemory.AlignedAlloc(100, 64), 500, 64);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint NamedBstr() => Marshal.StringToBSTR("text");
}
