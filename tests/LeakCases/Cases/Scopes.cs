// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Stretches whose blocks are ignored (LeakSanitizer's disabled scopes).</summary>
internal static class Scopes
{
    private const int ThreadCount = 4;

    private static Plan? s_plan;
    private static Func<IDisposable?>? s_scope;

    public static IEnumerable<LeakCase> All =>
    [
        new("disabled-scopes-nested", "scopes-not-disabled", [89], [Hidden("A"), Hidden("B"), Lost("C")],
            static plan => Nested(plan, HintApi.Scope("DisableOnThread"))),
        new("disabled-flowing-scopes-nested", "scopes-not-disabled", [89], [Hidden("A"), Hidden("B"), Lost("C")],
            static plan => Nested(plan, HintApi.Scope("Disable"))),
        new("scopes-not-disabled", "disabled-scopes-nested", [89], [Lost("A"), Lost("B"), Lost("C")],
            static plan => Nested(plan, static () => null)),

        new("disabled-in-some-threads", "disabled-in-no-thread", [90], [Hidden("A", ThreadCount), Lost("B", ThreadCount)],
            static plan => InThreads(plan, HintApi.Scope("DisableOnThread"))),
        new("disabled-in-no-thread", "disabled-in-some-threads", [90], [Lost("A", ThreadCount), Lost("B", ThreadCount)],
            static plan => InThreads(plan, static () => null)),

        new("disabled-over-await", "not-disabled-over-await", [89], [Hidden("A"), Lost("B")],
            static plan => OverAwait(plan, HintApi.Scope("Disable"))),
        new("not-disabled-over-await", "disabled-over-await", [89], [Lost("A"), Lost("B")],
            static plan => OverAwait(plan, HintApi.Scope("DisableOnThread"))),

        new("disabled-in-thread-end-callback", "not-disabled-in-thread-end-callback", [55], [Hidden("A"), Lost("B")],
            static plan => InCallback(plan, HintApi.Scope("DisableOnThread"))),
        new("not-disabled-in-thread-end-callback", "disabled-in-thread-end-callback", [55], [Lost("A"), Lost("B")],
            static plan => InCallback(plan, static () => null)),
    ];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Nested(Plan plan, Func<IDisposable?> scope)
    {
        using (IDisposable? outer = scope())
        {
            using (IDisposable? inner = scope())
            {
                plan.Alloc("A");
                inner?.Dispose(); // and once more, which must not end the outer one
            }

            plan.Alloc("B");
        }

        plan.Alloc("C");
    }

    private static void InThreads(Plan plan, Func<IDisposable?> scope)
    {
        using Barrier together = new(2 * ThreadCount);
        Thread[] threads = [.. Enumerable.Range(0, 2 * ThreadCount).Select(i => new Thread(() =>
        {
            bool isDisabled = i < ThreadCount;
            using IDisposable? disabled = isDisabled ? scope() : null;
            together.SignalAndWait();
            if (isDisabled)
            {
                plan.Alloc("A");
            }
            else
            {
                plan.Alloc("B");
            }

            PlantingThread.ScrubStack();
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
    }

    // A after the await, on another thread; B there beside it, in a flow that began before the scope.
    private static void OverAwait(Plan plan, Func<IDisposable?> scope)
    {
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task beside = Beside(plan, go.Task);
        Task inside = Inside(plan, scope, go.Task);
        PlantingThread.Run(go.SetResult);
        Task.WaitAll(beside, inside);
    }

    private static async Task Inside(Plan plan, Func<IDisposable?> scope, Task go)
    {
        using IDisposable? disabled = scope();
        await go.ConfigureAwait(false);
        await Task.Factory.StartNew(() => OnThread(plan, "A"), TaskCreationOptions.LongRunning).ConfigureAwait(false);
    }

    private static async Task Beside(Plan plan, Task go)
    {
        await go.ConfigureAwait(false);
        await Task.Factory.StartNew(() => OnThread(plan, "B"), TaskCreationOptions.LongRunning).ConfigureAwait(false);
    }

    private static void OnThread(Plan plan, string name)
    {
        plan.Alloc(name);
        PlantingThread.ScrubStack();
    }

    // The key's destructor is managed code: the thread, which has left the runtime, comes back for it.
    private static unsafe void InCallback(Plan plan, Func<IDisposable?> scope)
    {
        s_plan = plan;
        s_scope = scope;
        uint made;
        _ = Libc.pthread_key_create(&made, (nint)(delegate* unmanaged<nint, void>)&AtEnd);
        uint key = made;
        int threadId = 0;
        Thread thread = new(() =>
        {
            Volatile.Write(ref threadId, Libc.gettid());
            _ = Libc.pthread_setspecific(key, 1);
        });
        thread.Start();
        thread.Join();
        while (Directory.Exists($"/proc/self/task/{Volatile.Read(ref threadId)}"))
        {
            Thread.Sleep(1);
        }
    }

    [UnmanagedCallersOnly]
    private static void AtEnd(nint value)
    {
        using (IDisposable? disabled = s_scope!())
        {
            s_plan!.Alloc("A");
        }

        s_plan!.Alloc("B");
        PlantingThread.ScrubStack();
    }
}
