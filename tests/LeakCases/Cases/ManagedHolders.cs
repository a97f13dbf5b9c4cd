// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;
using static LeakCases.Planting.HolderShapes;

namespace LeakCases.Cases;

/// <summary>
/// Everything managed that can hold an address: reached from a static field the block is live; dropped, with no collection
/// since, it is lost.
/// </summary>
internal static class ManagedHolders
{
    private static object? s_holder;
    private static nint s_handle;
    private static readonly List<nint[]> s_pinnedBefore = [];
    private static TaskCompletionSource? s_gate;

    public static IEnumerable<LeakCase> All =>
    [
        .. Holder("object-field", [45, 46, 138], static a => new Node { Address = a }),
        .. Holder("pointer-field", [46, 138], static a => MakePointerNode(a)),
        .. Holder("far-end-of-object-list", [46], static a => MakeList(a, 100_000)),
        .. Holder("boxed", [145], static a => a),
        .. Holder("array", [46], static a => new nint[] { 0, a, 0 }),
        .. Holder("array-on-large-object-heap", [46, 138], static a => Set(new nint[100_000], a)),
        .. Holder("array-pinned", [141], static a => Set(MakePinned(), a)),
        .. Holder("array-of-arrays", [46], static a => new nint[][] { [], [0, a] }),
        .. Holder("array-of-two-dimensions", [46], static a => new nint[,] { { 0, 0 }, { 0, a } }),
        .. Holder("array-of-structs", [46], static a => new Entry[] { default, new() { Name = "second", Address = a } }),
        .. Holder("bytes", [46], static a => BitConverter.GetBytes((long)a)),
        .. Holder("closure", [145], static a => (Func<nint>)(() => a)),
        .. Holder("bound-delegate", [145], static a => (Func<nint>)new Node { Address = a }.Read),
        .. Holder("concurrent-dictionary-value", [145], static a => new ConcurrentDictionary<int, nint> { [7] = a }),
        .. Holder("dictionary-key", [145], static a => new Dictionary<nint, string> { [a] = "key" }),
        .. Holder("list-of-tuples", [145], static a => new List<(string, nint)> { ("first", 0), ("second", a) }),
        .. Holder("lazy", [145], static a => MakeLazy(a)),
        .. Holder("task-result", [142], static a => Task.FromResult(a)),
        .. Holder("iterator", [142], static a => MakeIterator(a)),
        .. LeakCase.Pair("conditional-weak-table", [145], static (plan, held) =>
        {
            // The table has a finalizer: until the collector has seen it dead, its values are not.
            PlantingThread.Run(() => s_holder = MakeTable(plan.Alloc("A")));
            s_holder = held ? s_holder : null;
            Collect();
        }),
        .. LeakCase.Pair("gc-handle", [141], static (plan, held) =>
        {
            GCHandle handle = GCHandle.Alloc(new Node { Address = plan.Alloc("A") });
            s_handle = GCHandle.ToIntPtr(handle);
            if (!held)
            {
                handle.Free();
            }
        }),
        .. LeakCase.Pair("gc-handle-pinning-array", [141], static (plan, held) =>
        {
            GCHandle handle = GCHandle.Alloc(new nint[] { 0, plan.Alloc("A") }, GCHandleType.Pinned);
            s_handle = GCHandle.ToIntPtr(handle);
            if (!held)
            {
                handle.Free();
            }
        }),
        .. LeakCase.Pair("async-state-machine", [142], static (plan, held) =>
        {
            s_gate = new TaskCompletionSource();
            _ = WaitWith(plan.Alloc("A"), s_gate.Task);
            s_gate = held ? s_gate : null;
        }),
        .. LeakCase.Pair("in-frozen-object", [46], static (plan, held) =>
        {
            nint block = plan.Alloc("A");
            WriteFrozen(held ? block : 0);
        }),
        .. LeakCase.Pair("timer-state", [142], static (plan, held) =>
        {
            PlantingThread.Run(() => s_holder = new Timer(
                static _ => { }, plan.Alloc("A"), TimeSpan.FromHours(1), Timeout.InfiniteTimeSpan));
            if (!held)
            {
                PlantingThread.Run(static () => ((Timer)s_holder!).Dispose());
                s_holder = null;
            }

            Collect();
        }),
    ];

    // Not the first object of its region: the collector's own notes point at where a region's first object stands.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint[] MakePinned()
    {
        s_pinnedBefore.Add(GC.AllocateArray<nint>(100, pinned: true));
        return GC.AllocateArray<nint>(100, pinned: true);
    }

    private static LeakCase[] Holder(string name, int[] scenarios, Func<nint, object> make)
        => LeakCase.Pair("in-" + name, scenarios, (plan, held) =>
        {
            object holder = make(plan.Alloc("A"));
            s_holder = held ? holder : null;
        });

    // A finalizer may ask to be run once more: that of ConditionalWeakTable frees its handles only then.
    private static void Collect()
    {
        for (int i = 0; i < 4; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    // A literal is frozen: it lies outside the memory that the collector looks after.
    private static unsafe void WriteFrozen(nint address)
    {
        const string Frozen = "a literal with room for one address";
        if (GC.GetGeneration(Frozen) != int.MaxValue)
        {
            throw new InvalidOperationException("the literal is not frozen");
        }

        // Safety: eight aligned bytes inside the literal, which nothing else in this program uses.
        fixed (char* characters = Frozen)
        {
            *(nint*)(characters + 2) = address;
        }
    }

    // The value is held by the table only as long as its key is reachable.
    private static object[] MakeTable(nint address)
    {
        object key = new();
        ConditionalWeakTable<object, Node> table = [];
        table.Add(key, new Node { Address = address });
        return [key, table];
    }

    private struct Entry
    {
        public string? Name;
        public nint Address;
    }
}
