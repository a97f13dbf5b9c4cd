// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>Methods of every shape; each asks a real stack trace which method it is.</summary>
internal static class NamedMethods
{
    private static int s_number;

    private static MethodBase Property
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        get => Self();
    }

    public static IEnumerable<TestCaseData> All()
    {
        const string Here = "NativeLeak.Scanner.Tests.Reporting.NamedMethods.";
        (MethodBase Method, string Name)[] cases =
        [
            (Plain(1, "x", null), "Plain(int, string, int?)"),
            (Shapes([], 0, [], (1, 2)), "Shapes(int[], nint, List<Dictionary<string, long[,]>>, (int, int))"),
            (References(ref s_number, in s_number, out _), "References(ref int, in int, out int)"),
            (Generic("x"), "Generic<T>(T)"),
            (new Outer<string>.Inner<int>().Method<byte>("", 1, 2), "Outer<T>.Inner<U>.Method<V>(T, U, V)"),
            (new Constructed().Seen, "Constructed..ctor()"),
            (Property, "get_Property()"),
            (Lambda()(), "Lambda+lambda()"),
            (Closure(1)("x"), "Closure+lambda(string)"),
            (LocalFunction(), "LocalFunction+Local(int)"),
            (CapturingLocalFunction(3), "CapturingLocalFunction+Local(int)"),
            (LambdaInLocalFunction(), "LambdaInLocalFunction+lambda()"),
            (Async(1, "x").GetAwaiter().GetResult(), "Async(int, string)"),
            (AsyncLambda().GetAwaiter().GetResult(), "AsyncLambda+lambda()"),
            (AsyncGeneric("x").GetAwaiter().GetResult(), "AsyncGeneric<T>(T)"),
            (Iterator(5).First(), "Iterator(int)"),
            (First(AsyncIterator()).GetAwaiter().GetResult(), "AsyncIterator()"),
            (Explicit.Ask(), "Explicit.System.IFormattable.ToString(string, IFormatProvider)"),
            (Pointers(), "PointersCore(byte*, void**)"),
        ];
        foreach ((MethodBase method, string name) in cases)
        {
            yield return new TestCaseData(method, Here + name).SetArgDisplayNames(name);
        }

        yield return new TestCaseData(FileLocal.Method(), "NativeLeak.Scanner.Tests.Reporting.FileLocal.Method()")
            .SetArgDisplayNames("file-local type");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static MethodBase Self() => new StackFrame(1).GetMethod()!;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static MethodBase Plain(int number, string text, int? maybe) => Self();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static MethodBase Shapes(int[] a, nint b, List<Dictionary<string, long[,]>> c, (int, int) d) => Self();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static MethodBase References(ref int a, in int b, out int c)
    {
        c = a + b;
        return Self();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe MethodBase PointersCore(byte* a, void** b) => Self();

    private static unsafe MethodBase Pointers() => PointersCore(null, null);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static MethodBase Generic<T>(T value) => Self();

    private static Func<MethodBase> Lambda() => static () => Self();

    private static Func<string, MethodBase> Closure(int captured) => text => text.Length == captured ? Self() : null!;

    private static MethodBase LocalFunction()
    {
        return Local(1);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static MethodBase Local(int number) => Self();
    }

    private static MethodBase CapturingLocalFunction(int captured)
    {
        return Local(1);

        [MethodImpl(MethodImplOptions.NoInlining)]
        MethodBase Local(int number) => number < captured ? Self() : null!;
    }

    private static MethodBase LambdaInLocalFunction()
    {
        return Local()();

        static Func<MethodBase> Local() => static () => Self();
    }

    private static async Task<MethodBase> Async(int number, string text)
    {
        await Task.Yield();
        return Self();
    }

    private static Task<MethodBase> AsyncLambda()
    {
        Func<Task<MethodBase>> lambda = static async () =>
        {
            await Task.Yield();
            return Self();
        };
        return lambda();
    }

    private static async Task<MethodBase> AsyncGeneric<T>(T value)
    {
        await Task.Yield();
        return Self();
    }

    private static IEnumerable<MethodBase> Iterator(int number)
    {
        yield return Self();
    }

    private static async IAsyncEnumerable<MethodBase> AsyncIterator()
    {
        await Task.Yield();
        yield return Self();
    }

    private static async Task<MethodBase> First(IAsyncEnumerable<MethodBase> methods)
    {
        await foreach (MethodBase method in methods)
        {
            return method;
        }

        return null!;
    }

    private sealed class Outer<T>
    {
        public sealed class Inner<U>
        {
            [MethodImpl(MethodImplOptions.NoInlining)]
            public MethodBase Method<V>(T a, U b, V c) => Self();
        }
    }

    private sealed class Constructed
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public Constructed() => Seen = Self();

        public MethodBase Seen { get; }
    }

    private sealed class Explicit : IFormattable
    {
        private static MethodBase? s_seen;

        public static MethodBase Ask()
        {
            _ = ((IFormattable)new Explicit()).ToString(null, null);
            return s_seen!;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        string IFormattable.ToString(string? format, IFormatProvider? provider)
        {
            s_seen = Self();
            return string.Empty;
        }
    }
}

/// <summary>The compiler gives it a made-up name.</summary>
file static class FileLocal
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static MethodBase Method() => NamedMethods.Self();
}
