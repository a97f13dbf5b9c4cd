// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace StackShapes.Shapes;

/// <summary>Code that the runtime starts by itself: class constructors, finalizers, threads, timers.</summary>
internal static class Beginnings
{
    private const int Times = 20;

    public static IEnumerable<(string, Action)> All() =>
    [
        ("static constructors", StaticConstructors),
        ("module and type initialisers", static () => AllShapes.Repeat(Times, static () => GC.KeepAlive(Initialised.Value))),
        ("finalizers", Finalizers),
        ("threads", static () => AllShapes.Repeat(Times, StartThread)),
        ("thread pool", static () => AllShapes.Repeat(Times, UsePool)),
        ("tasks", static () => AllShapes.Repeat(Times, static () => Task.Run(static () => CallKinds.Keep(Leaf.Allocate())).Wait())),
        ("timers", static () => AllShapes.Repeat(5, UseTimer)),
        ("resolving assemblies", ResolveAssembly),
    ];

    private static void StaticConstructors()
    {
        CallKinds.Keep(Constructed<byte>.Value + Constructed<short>.Value + Constructed<string>.Value);
        CallKinds.Keep(Touch<int>() + Touch<object>());
        RuntimeHelpers.RunClassConstructor(typeof(Constructed<long>).TypeHandle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Touch<T>() => Constructed<T>.Value + 1;

    private static void Finalizers()
    {
        for (int i = 0; i < Times; i++)
        {
            Drop();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop() => GC.KeepAlive(new Finalized());

    private static void StartThread()
    {
        Thread thread = new(static () => CallKinds.Keep(Leaf.Allocate()));
        thread.Start();
        thread.Join();
        Thread other = new(static state => CallKinds.Keep(Leaf.Allocate() + (int)state!), 256 * 1024);
        other.Start(1);
        other.Join();
    }

    private static void UsePool()
    {
        using ManualResetEventSlim done = new();
        ThreadPool.QueueUserWorkItem(static set =>
        {
            CallKinds.Keep(Leaf.Allocate());
            set.Set();
        }, done, preferLocal: false);
        done.Wait();
    }

    private static void UseTimer()
    {
        using ManualResetEventSlim done = new();
        using Timer timer = new(set =>
        {
            CallKinds.Keep(Leaf.Allocate());
            ((ManualResetEventSlim)set!).Set();
        }, done, 1, Timeout.Infinite);
        done.Wait();
    }

    private static void ResolveAssembly()
    {
        AppDomain.CurrentDomain.AssemblyResolve += Resolve;
        try
        {
            GC.KeepAlive(Type.GetType("No.Such.Type, No.Such.Assembly" + Environment.TickCount64));
        }
        finally
        {
            AppDomain.CurrentDomain.AssemblyResolve -= Resolve;
        }
    }

    private static System.Reflection.Assembly? Resolve(object? sender, ResolveEventArgs arguments)
    {
        CallKinds.Keep(Leaf.Allocate());
        return null;
    }

    private static class Constructed<T>
    {
        static Constructed() => Value = Leaf.Allocate() + typeof(T).Name.Length;

        public static long Value { get; }
    }

    private static class Initialised
    {
        public static readonly long Value = Leaf.Allocate();
    }

    private sealed class Finalized
    {
        ~Finalized() => CallKinds.Keep(Leaf.Allocate());
    }
}
