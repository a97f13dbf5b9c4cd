// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace StackShapes.Shapes;

/// <summary>Handlers: their code runs in frames of its own, called by the runtime or by the method itself.</summary>
internal static class Funclets
{
    private const int Times = 30;

    public static IEnumerable<(string, Action)> All() =>
    [
        ("try", static () => AllShapes.Repeat(Times, InTry)),
        ("catch", static () => AllShapes.Repeat(Times, InCatch)),
        ("catch of a deep throw", static () => AllShapes.Repeat(Times, InCatchOfDeepThrow)),
        ("catch in catch", static () => AllShapes.Repeat(Times, InNestedCatch)),
        ("filter", static () => AllShapes.Repeat(Times, InFilter)),
        ("finally", static () => AllShapes.Repeat(Times, InFinally)),
        ("finally of an exception", static () => AllShapes.Repeat(Times, InFinallyOfException)),
        ("using and lock", static () => AllShapes.Repeat(Times, InUsing)),
        ("catch of a fault", static () => AllShapes.Repeat(Times, InCatchOfFault)),
    ];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(int depth)
    {
        if (depth == 0)
        {
            throw new InvalidOperationException("thrown");
        }

        Throw(depth - 1);
        CallKinds.Keep(depth);
    }

    private static void InTry()
    {
        try
        {
            CallKinds.Keep(Leaf.Allocate());
        }
        catch (InvalidOperationException)
        {
            CallKinds.Keep(1);
        }
    }

    private static void InCatch()
    {
        try
        {
            Throw(0);
        }
        catch (InvalidOperationException)
        {
            CallKinds.Keep(Leaf.Allocate());
            CallKinds.Keep(Below(2));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Below(int depth) => depth == 0 ? Leaf.Allocate() : Below(depth - 1) + 1;

    private static void InCatchOfDeepThrow()
    {
        try
        {
            Throw(5);
        }
        catch (InvalidOperationException caught)
        {
            CallKinds.Keep(Leaf.Allocate() + caught.Message.Length);
        }

        CallKinds.Keep(Leaf.Allocate());
    }

    private static void InNestedCatch()
    {
        try
        {
            Throw(1);
        }
        catch (InvalidOperationException)
        {
            try
            {
                Throw(2);
            }
            catch (InvalidOperationException)
            {
                CallKinds.Keep(Leaf.Allocate());
            }

            CallKinds.Keep(Leaf.Allocate());
        }
    }

    private static void InFilter()
    {
        try
        {
            Throw(3);
        }
        catch (InvalidOperationException) when (Leaf.Allocate() > 5)
        {
            CallKinds.Keep(1);
        }
        catch (InvalidOperationException) when (Below(1) >= 0)
        {
            CallKinds.Keep(Leaf.Allocate());
        }
    }

    private static void InFinally()
    {
        try
        {
            CallKinds.Keep(1);
        }
        finally
        {
            CallKinds.Keep(Leaf.Allocate());
            CallKinds.Keep(Below(1));
        }
    }

    private static void InFinallyOfException()
    {
        try
        {
            ThrowThrough();
        }
        catch (InvalidOperationException)
        {
            CallKinds.Keep(Leaf.Allocate());
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ThrowThrough()
    {
        try
        {
            Throw(2);
        }
        finally
        {
            CallKinds.Keep(Leaf.Allocate());
            CallKinds.Keep(Below(1));
        }
    }

    private static void InUsing()
    {
        using Disposed disposed = new();
        lock (disposed)
        {
            CallKinds.Keep(Leaf.Allocate());
        }
    }

    private static void InCatchOfFault()
    {
        try
        {
            CallKinds.Keep(Length(Environment.TickCount == int.MinValue ? "never" : null!));
        }
        catch (NullReferenceException)
        {
            CallKinds.Keep(Leaf.Allocate());
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Length(string text) => text.Length;

    private sealed class Disposed : IDisposable
    {
        public void Dispose() => CallKinds.Keep(Leaf.Allocate());
    }
}
