// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Interception;

/// <summary>Scopes that a test enters in one method and leaves in another.</summary>
internal static class Scopes
{
    private static readonly ManualResetEventSlim s_isReading = new(), s_mayEnd = new();
    private static Thread? s_reader;

    public static void Enter() => NativeHeap.Allocation.ThreadState.Scope++;

    public static void Leave() => NativeHeap.Allocation.ThreadState.Scope--;

    /// <summary>Another thread is inside a guard when this returns.</summary>
    public static void StartReading()
    {
        s_isReading.Reset();
        s_mayEnd.Reset();
        s_reader = new Thread(Read);
        s_reader.Start();
        s_isReading.Wait();
    }

    public static void EndReading()
    {
        s_mayEnd.Set();
        s_reader!.Join();
    }

    private static void Read()
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        s_isReading.Set();
        s_mayEnd.Wait();
    }
}
