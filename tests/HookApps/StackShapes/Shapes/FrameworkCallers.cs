// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Concurrent;
using System.Reflection;

namespace StackShapes.Shapes;

/// <summary>Code of .NET itself between two frames of ours: compiled ahead of time, and again by the tiers.</summary>
internal static class FrameworkCallers
{
    private const int Times = 40;

    private static readonly int[] s_numbers = [3, 1, 2];

    public static IEnumerable<(string, Action)> All() =>
    [
        ("List.ForEach, Array.Sort", static () => AllShapes.Repeat(Times, Collections)),
        ("LINQ", static () => AllShapes.Repeat(Times, Queries)),
        ("Lazy, string.Create, dictionaries", static () => AllShapes.Repeat(Times, Factories)),
        ("reflection", static () => AllShapes.Repeat(Times, Reflection)),
        ("Activator", static () => AllShapes.Repeat(Times, Activation)),
        ("Parallel.For", static () => AllShapes.Repeat(10, static () => Parallel.For(0, 4, static _ => Keep()))),
        ("comparers", static () => AllShapes.Repeat(Times, static () => Array.Sort([3, 1, 2], new Comparer()))),
        ("formatting", static () => AllShapes.Repeat(Times, static () => GC.KeepAlive($"{new Formatted()} and {new Formatted()}"))),
    ];

    private static void Keep() => CallKinds.Keep(Leaf.Allocate());

    private static void Collections()
    {
        List<int> list = [1, 2];
        list.ForEach(static _ => Keep());
        Array.Sort((int[])s_numbers.Clone(), static (left, right) => (int)Leaf.Allocate() + left - right);
        list.RemoveAll(static _ => Leaf.Allocate() > 5);
        Array.ForEach(s_numbers, static _ => Keep());
    }

    private static void Queries()
    {
        GC.KeepAlive(s_numbers.Select(static number => Leaf.Allocate() + number).Where(static number => number > Leaf.Allocate())
            .OrderBy(static number => number + Leaf.Allocate()).ToList());
        GC.KeepAlive(s_numbers.ToDictionary(static number => number, static number => Leaf.Allocate() + number));
    }

    private static void Factories()
    {
        Lazy<long> lazy = new(static () => Leaf.Allocate() + 1);
        GC.KeepAlive(lazy.Value);
        GC.KeepAlive(string.Create(4, 1, static (span, _) => span.Fill((char)('a' + (Leaf.Allocate() & 1)))));
        ConcurrentDictionary<int, long> values = new();
        GC.KeepAlive(values.GetOrAdd(1, static _ => Leaf.Allocate() + 1));
    }

    private static void Reflection()
    {
        MethodInfo method = typeof(FrameworkCallers).GetMethod(nameof(Invoked), BindingFlags.NonPublic | BindingFlags.Static)!;
        GC.KeepAlive(method.Invoke(null, [1]));
        GC.KeepAlive(((Delegate)Invoked).DynamicInvoke(2));
    }

    private static long Invoked(int value) => Leaf.Allocate() + value;

    private static void Activation()
    {
        GC.KeepAlive(Activator.CreateInstance<Formatted>().ToString());
        Type created = typeof(Created);
        GC.KeepAlive(Activator.CreateInstance(created));
        GC.KeepAlive(Make<Created>());
    }

    private static T Make<T>()
        where T : new()
        => new();

    private sealed class Created
    {
        public Created() => Keep();
    }

    private sealed class Comparer : IComparer<int>
    {
        public int Compare(int x, int y) => (int)Leaf.Allocate() + x - y;
    }

    private struct Formatted
    {
        public override readonly string ToString() => Leaf.Allocate() >= 0 ? "text" : "";
    }
}
