// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static LeakCases.Planting.HolderShapes;

namespace LeakCases.Corpus;

/// <summary>27 ways in which managed code holds an address, each as something to keep, and a way to let go of it.</summary>
internal static class HolderKinds
{
    /// <summary>Every kind. None needs a collection to be let go of, but some are only found after one.</summary>
    public static IReadOnlyList<HolderKind> All { get; } =
    [
        new("object-field", static make => new Node { Address = make() }),
        new("pointer-field", static make => MakePointerNode(make())),
        new("inherited-struct-field", static make => new Derived { Inner = new Entry { Name = "inner", Address = make() } }),
        new("far-end-of-list", static make => MakeList(make(), 200)),
        new("boxed", static make => make()),
        new("array", static make => new[] { 0, make(), 0 }),
        new("array-on-large-object-heap", static make => Set(new nint[20_000], make())),
        new("array-pinned", static make => Set(GC.AllocateArray<nint>(100, pinned: true), make())),
        new("array-of-arrays", static make => new nint[][] { [], [0, make()] }),
        new("array-of-two-dimensions", static make => new[,] { { 0, 0 }, { 0, make() } }),
        new("array-of-structs", static make => new Entry[] { default, new() { Name = "second", Address = make() } }),
        new("bytes", static make => BitConverter.GetBytes((long)make())),
        new("closure", static make => MakeClosure(make())),
        new("bound-delegate", static make => (Func<nint>)new Node { Address = make() }.Read),
        new("event-subscription", static make => Subscribe(new Node { Address = make() })),
        new("concurrent-dictionary", static make => new ConcurrentDictionary<int, nint>(1, 1) { [7] = make() }),
        new("dictionary-key", static make => new Dictionary<nint, string> { [make()] = "key" }),
        new("list-of-tuples", static make => new List<(string, nint)> { ("first", 0), ("second", make()) }),
        new("queue", static make => new Queue<nint>([0, make()])),
        new("lazy", static make => MakeLazy(make())),
        new("task-result", static make => Task.FromResult(make())),
        new("iterator", static make => MakeIterator(make())),
        new("async-state-machine", static make => MakeWaiting(make())),
        new("gc-handle", static make => GCHandle.Alloc(new Node { Address = make() }), static o => ((GCHandle)o).Free()),
        new("gc-handle-pinning", static make => GCHandle.Alloc(new[] { 0, make() }, GCHandleType.Pinned), static o => ((GCHandle)o).Free()),
        new("finalizable-owner", static make => new Owner { Address = make() }),
        new("weakly-referenced", static make => MakeWatched(make())),
    ];

    private static TaskCompletionSource MakeWaiting(nint address)
    {
        TaskCompletionSource gate = new();
        _ = WaitWith(address, gate.Task);
        return gate;
    }

    private static Func<nint> MakeClosure(nint address) => () => address;

    private static Publisher Subscribe(Node subscriber)
    {
        Publisher publisher = new();
        publisher.Changed += static () => 0;
        publisher.Changed += subscriber.Read;
        return publisher;
    }

    // Somebody watches the holder without keeping it; the watch is kept for good.
    private static Node MakeWatched(nint address)
    {
        Node node = new() { Address = address };
        s_watches.Enqueue(new WeakReference(node));
        return node;
    }

    private static readonly ConcurrentQueue<WeakReference> s_watches = new();

    private sealed class Publisher
    {
        public event Func<nint>? Changed;

        public override string ToString() => $"{Changed}";
    }

    private class Base
    {
        public Entry Inner;
    }

    private sealed class Derived : Base;

    // Has a finalizer, as owners should, that forgets the block.
    private sealed class Owner
    {
        private static int s_finalized;
        public nint Address;

        ~Owner() => Interlocked.Add(ref s_finalized, Address == 0 ? 0 : 1);
    }

    private struct Entry
    {
        public string? Name;
        public nint Address;
    }
}
