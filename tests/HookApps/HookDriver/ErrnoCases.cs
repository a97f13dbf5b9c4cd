// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace HookDriver;

/// <summary>What the exports leave in errno.</summary>
internal static unsafe partial class ErrnoCases
{
    private static readonly nuint Impossible = nuint.MaxValue / 4;
    private const int Marker = 4242;

    public static void Run()
    {
        // A failing call tells why.
        Print("malloc", SystemNative_Malloc(Impossible) == null);
        Print("calloc", SystemNative_Calloc(Impossible, 16) == null);
        Print("realloc", SystemNative_Realloc(null, Impossible) == null);
        Print("aligned", SystemNative_AlignedAlloc(64, Impossible) == null);

        // A successful one leaves errno alone, however much the recorder did meanwhile (raw errno: no SetLastError).
        Marshal.SetLastSystemError(Marker);
        void* block = NativeMemory.Alloc(64);
        Console.WriteLine($"errno=kept by alloc value={Marshal.GetLastSystemError()}");
        Marshal.SetLastSystemError(Marker);
        block = NativeMemory.Realloc(block, 128);
        Console.WriteLine($"errno=kept by realloc value={Marshal.GetLastSystemError()}");
        Marshal.SetLastSystemError(Marker);
        NativeMemory.Free(block);
        Console.WriteLine($"errno=kept by free value={Marshal.GetLastSystemError()}");
        try
        {
            NativeMemory.Alloc(Impossible);
        }
        catch (OutOfMemoryException)
        {
            Console.WriteLine("errno=out of memory value=thrown");
        }
    }

    private static void Print(string name, bool failed)
        => Console.WriteLine($"errno={name} value={(failed ? Marshal.GetLastPInvokeError() : -1)}");

    [LibraryImport("libSystem.Native", SetLastError = true)]
    private static partial void* SystemNative_Malloc(nuint byteCount);

    [LibraryImport("libSystem.Native", SetLastError = true)]
    private static partial void* SystemNative_Calloc(nuint count, nuint byteCount);

    [LibraryImport("libSystem.Native", SetLastError = true)]
    private static partial void* SystemNative_Realloc(void* block, nuint byteCount);

    [LibraryImport("libSystem.Native", SetLastError = true)]
    private static partial void* SystemNative_AlignedAlloc(nuint alignment, nuint byteCount);
}
