// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace StackShapes.Shapes;

/// <summary>The ways one method calls another.</summary>
internal static class CallKinds
{
    private const int Times = 60;

    private static readonly List<IShape> s_shapes = [new Explicit(), new Point(), new Box<string>(), new Box<int>(), new Inherits()];

    private static Action? s_many;

    private interface IShape
    {
        long Draw(int depth);

        // A default implementation is a method of the interface.
        long Twice(int depth) => Draw(depth) + Draw(depth);

        static virtual long Fixed() => 0;
    }

    public static IEnumerable<(string, Action)> All() =>
    [
        ("interface, explicit thunks, unboxing", static () => AllShapes.Repeat(Times, ThroughInterface)),
        ("default interface methods", static () => AllShapes.Repeat(Times, ThroughDefault)),
        ("generic virtual", static () => AllShapes.Repeat(Times, ThroughGenericVirtual)),
        ("static abstract", static () => AllShapes.Repeat(Times, static () => Keep(Statics<Explicit>() + Statics<Point>()))),
        ("delegates", static () => AllShapes.Repeat(Times, ThroughDelegates)),
        ("function pointers", static () => AllShapes.Repeat(Times, ThroughPointers)),
        ("struct instance methods", static () => AllShapes.Repeat(Times, ThroughStructs)),
        ("local functions", static () => AllShapes.Repeat(Times, ThroughLocals)),
        ("tail calls", static () => AllShapes.Repeat(Times, static () => Keep(Tail(3)))),
        ("recursion beyond the depth", static () => AllShapes.Repeat(Times, static () => Keep(Deep(200) + DeepThin(90)))),
        ("constructors, properties, operators", static () => AllShapes.Repeat(Times, ThroughMembers)),
        ("by reference and large structs", static () => AllShapes.Repeat(Times, ThroughLargeStructs)),
    ];

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Keep(long value) => GC.KeepAlive(value);

    private static void ThroughInterface()
    {
        foreach (IShape shape in s_shapes)
        {
            Keep(shape.Draw(2));
        }
    }

    private static void ThroughDefault()
    {
        foreach (IShape shape in s_shapes)
        {
            Keep(shape.Twice(1));
        }
    }

    private static void ThroughGenericVirtual()
    {
        Maker maker = Environment.TickCount >= 0 ? new DerivedMaker() : new Maker();
        Keep(maker.Make<string>(1) + maker.Make<int>(1));
        Keep(maker.Make<Point>(1) + new Maker().Make<Maker>(2));
    }

    private static void ThroughDelegates()
    {
        int captured = Environment.CurrentManagedThreadId;
        Func<long> closed = () => Leaf.Allocate() + captured;
        Func<string, long> open = static text => Leaf.Allocate() + text.Length;
        Func<long> onStruct = new Point().Go;
        Func<string, long> extension = "x".Extended;
        s_many ??= (Action)First + Second + First;
        Keep(closed() + open("x") + onStruct());
        Keep(extension("y"));
        s_many();
    }

    private static void First() => Keep(Leaf.Allocate());

    private static void Second() => Keep(Leaf.Allocate());

    private static long Extended(this string text, string more) => Leaf.Allocate() + text.Length + more.Length;

    private static unsafe void ThroughPointers()
    {
        delegate*<long, long> pointer = &Pointed;
        Keep(pointer(1));
        delegate*<long, long> generic = &PointedGeneric<string>;
        Keep(generic(1) + pointer(2));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Pointed(long value) => Leaf.Allocate() + value;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long PointedGeneric<T>(long value) => Leaf.Allocate() + value + typeof(T).Name.Length;

    private static void ThroughStructs()
    {
        Point point = new();
        Keep(point.Draw(1) + point.Go());
        object boxed = point;
        Keep(((IShape)boxed).Draw(1) + boxed.GetHashCode());
        Keep(new Box<int>().Draw(1) + new Box<string>().Draw(1));
    }

    private static void ThroughLocals()
    {
        int captured = 3;
        Keep(Inner() + Static(2));

        long Inner() => captured > 0 ? Deeper() + 1 : 0;

        long Deeper() => Leaf.Allocate() + captured;

        static long Static(int depth) => depth == 0 ? Leaf.Allocate() + 1 : Static(depth - 1) + 1;
    }

    // What the compiler may turn into jumps: the truth loses the same frames, or there is a mistake.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Tail(int depth) => depth == 0 ? Leaf.Allocate() : OtherTail(depth - 1);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long OtherTail(int depth) => Tail(depth);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Deep(int depth)
    {
        if (depth == 0)
        {
            return Leaf.Allocate();
        }

        return Deep(depth - 1) + 1;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long DeepThin(int depth) => depth == 0 ? Leaf.Allocate() : DeepThin(depth - 1) + 1;

    private static void ThroughMembers()
    {
        Members members = new();
        Keep(members.Value + members[3] + (long)(members + members));
        members.Changed += static () => Keep(Leaf.Allocate());
    }

    private static void ThroughLargeStructs()
    {
        Large large = Large.Make(2);
        Keep(Take(large, ref large));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Take(Large value, ref Large reference) => Leaf.Allocate() + value.A + value.B + reference.C + reference.D;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Statics<T>()
        where T : IShape
        => T.Fixed() + 1;

    private struct Large
    {
        public long A;
        public long B;
        public long C;
        public long D;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static Large Make(long value) => new() { A = value, B = value, C = value, D = Leaf.Allocate() };
    }

    private struct Point : IShape
    {
        private long _x;

        public static long Fixed() => Leaf.Allocate() + 1;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public long Draw(int depth)
        {
            _x += depth == 0 ? Leaf.Allocate() : Draw(depth - 1);
            return _x;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public readonly long Go() => Leaf.Allocate() + _x;

        public override readonly int GetHashCode() => (int)(Leaf.Allocate() + _x);
    }

    private sealed class Explicit : IShape
    {
        static long IShape.Fixed() => Leaf.Allocate() + 1;

        long IShape.Draw(int depth) => depth == 0 ? Leaf.Allocate() : ((IShape)this).Draw(depth - 1) + 1;
    }

    private class Drawing
    {
        public long Draw(int depth) => Leaf.Allocate() + depth;
    }

    // The interface's method is the base class's.
    private sealed class Inherits : Drawing, IShape
    {
        long IShape.Draw(int depth) => Draw(depth);
    }

    private struct Box<T> : IShape
    {
        public long Sum;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public long Draw(int depth)
        {
            Sum += depth == 0 ? Leaf.Allocate() + typeof(T).Name.Length : new Box<List<T>>().Draw(depth - 1);
            return Sum;
        }
    }

    private class Maker
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public virtual long Make<T>(int depth) => Leaf.Allocate() + typeof(T).Name.Length + depth;
    }

    private sealed class DerivedMaker : Maker
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public override long Make<T>(int depth) => depth == 0 ? base.Make<T>(depth) + 1 : Make<List<T>>(depth - 1) + 1;
    }

    private sealed class Members
    {
        private readonly long _seed = Leaf.Allocate();

        [MethodImpl(MethodImplOptions.NoInlining)]
        public Members() => _seed += Leaf.Allocate();

        public event Action Changed
        {
            add => Keep(Leaf.Allocate() + value.Method.Name.Length);
            remove => Keep(0);
        }

        public long Value => Leaf.Allocate() + _seed;

        public long this[int index] => Leaf.Allocate() + index;

        public static Members operator +(Members left, Members right)
        {
            Keep(Leaf.Allocate() + left._seed + right._seed);
            return left;
        }

        public static explicit operator long(Members members) => Leaf.Allocate() + members._seed;
    }
}
