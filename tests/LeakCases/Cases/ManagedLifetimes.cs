// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Owners that were collected, moved, finalized, unloaded, or only think they were.</summary>
internal static class ManagedLifetimes
{
    private const int MovingCount = 1000;
    private const string Precise = "managed_heap=precise";

    private static object? s_owner;
    private static object[]? s_owners;
    private static AssemblyLoadContext? s_context;

    public static IEnumerable<LeakCase> All =>
    [
        .. LeakCase.Pair("owner-after-collection", [139], static (plan, held) =>
        {
            MakeOwner(plan, held);
            GC.Collect();
            GC.Collect();
        }),
        .. LeakCase.Pair("owners-moving-during-check", [146], static (plan, held) =>
        {
            MakeMovingOwners(plan, held);
            PlantingThread.StartActor(CompactWithoutEnd);
        }, MovingCount),
        new("safe-handle-held", "safe-handle-reference-leaked", [144], [Live("A")],
            static plan => s_owner = new BlockHandle(plan.Alloc("A"))),
        new("safe-handle-awaiting-finalizer", "safe-handle-reference-leaked", [138, 144], [Live("A")],
            static plan => _ = new BlockHandle(plan.Alloc("A"))),
        new("safe-handle-finalized", "safe-handle-reference-leaked", [140, 144], [NeverListed("A")], static plan =>
        {
            PlantingThread.Run(() => _ = new BlockHandle(plan.Alloc("A")));
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }),
        new("safe-handle-reference-leaked", "safe-handle-reference-returned", [144], [Lost("A")],
            static plan =>
            {
                PlantingThread.Run(() => DisposeReferenced(plan, giveBack: false));
                GC.Collect();
            }),
        new("safe-handle-reference-returned", "safe-handle-reference-leaked", [144], [NeverListed("A")],
            static plan => DisposeReferenced(plan, giveBack: true)),
        new("weakly-referenced", "weakly-referenced-precise", [138], [Live("A")], static plan => s_owner = Watch(plan)),
        new("weakly-referenced-precise", "weakly-referenced", [138], [Lost("A")], static plan => s_owner = Watch(plan))
        {
            Options = Precise,
        },
        new("address-in-doubles", "address-in-doubles-precise", [], [Live("A")], static plan => s_owner = Doubles(plan)),
        new("address-in-doubles-precise", "address-in-doubles", [], [Lost("A")], static plan => s_owner = Doubles(plan))
        {
            Options = Precise,
        },
        new("finalizer-forgets", "finalizer-forgets-and-ran", [138, 140], [Live("A")],
            static plan => _ = new ForgetfulOwner(plan.Alloc("A")))
        {
            // No finalizer runs any more when a process ends: nobody can know what this one would do.
            Options = Precise,
        },
        new("finalizer-forgets-and-ran", "finalizer-forgets", [138, 140], [Lost("A")], static plan =>
        {
            PlantingThread.Run(() => _ = new ForgetfulOwner(plan.Alloc("A")));
            GC.Collect();
            GC.WaitForPendingFinalizers();
        })
        {
            Options = Precise,
        },
        new("static-of-loaded-context", "static-of-unloaded-context", [147], [Live("A")],
            static plan => FillContext(plan)),
        new("static-of-unloaded-context", "static-of-loaded-context", [147], [Lost("A")], static plan =>
        {
            PlantingThread.Run(() => FillContext(plan));
            Unload();
        }),
    ];

    /// <summary>Called by reflection in a copy of this assembly that lives in a context of its own.</summary>
    public static void Keep(nint address) => s_owner = new nint[] { address };

    // What only a weak reference knows is dead, but only a collection says so.
    private static WeakReference Watch(Plan plan) => new(new[] { 0, plan.Alloc("A") });

    // Bits that are an address, where no address can be.
    private static object[] Doubles(Plan plan)
    {
        double bits = BitConverter.Int64BitsToDouble(plan.Alloc("A"));
        return [new[] { 1.5, bits }, new Measured { Value = bits }, new[] { new Measurement { Name = "first", Value = bits } }];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MakeOwner(Plan plan, bool held)
    {
        nint[] owner = [plan.Alloc("A")];
        s_owner = held ? owner : null;
    }

    // Garbage between the owners, so that every compaction moves them.
    private static void MakeMovingOwners(Plan plan, bool held)
    {
        s_owners = new object[MovingCount];
        for (int i = 0; i < MovingCount; i++)
        {
            s_owner = new byte[100 + (i % 50)];
            nint[] owner = [0, plan.Alloc("A")];
            s_owners[i] = held ? owner : s_owners;
        }
    }

    private static void CompactWithoutEnd(Action ready)
    {
        ready();
        while (true)
        {
            s_owner = new byte[2000];
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            Thread.Sleep(1);
        }
    }

    // Disposed while a reference is still counted: the handle is closed, its block is not freed, and nobody owns it.
    // The handle has no finalizer any more, but stays in the collector's list of those that have until it collects.
    private static void DisposeReferenced(Plan plan, bool giveBack)
    {
        BlockHandle handle = new(plan.Alloc("A"));
        bool added = false;
        handle.DangerousAddRef(ref added);
        handle.Dispose();
        if (giveBack)
        {
            handle.DangerousRelease();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillContext(Plan plan)
    {
        s_context = new AssemblyLoadContext("plug-in", isCollectible: true);
        Assembly copy = s_context.LoadFromAssemblyPath(typeof(ManagedLifetimes).Assembly.Location);
        MethodInfo keep = copy.GetType(typeof(ManagedLifetimes).FullName!)!.GetMethod(nameof(Keep))!;
        keep.Invoke(null, [plan.Alloc("A")]);
    }

    private static void Unload()
    {
        WeakReference gone = StartUnload();
        for (int i = 0; gone.IsAlive; i++)
        {
            if (i == 100)
            {
                throw new InvalidOperationException("the context was not unloaded");
            }

            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference StartUnload()
    {
        AssemblyLoadContext context = s_context!;
        s_context = null;
        context.Unload();
        return new WeakReference(context);
    }

    private sealed class Measured
    {
        public double Value;
    }

    private struct Measurement
    {
        public string? Name;
        public double Value;
    }

    private sealed class ForgetfulOwner(nint block)
    {
        private static nint s_sum;

        ~ForgetfulOwner() => s_sum += block & 1;
    }

    private sealed class BlockHandle : SafeHandle
    {
        public BlockHandle(nint block)
            : base(0, ownsHandle: true) => SetHandle(block);

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            Marshal.FreeHGlobal(handle);
            return true;
        }
    }
}
