// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class SymbolResolverTests
{
    private static readonly TimeSpan s_ample = TimeSpan.FromMinutes(1);

    [Test]
    public async Task LinesAreThoseOfTheRuntimesOwnStackTrace()
    {
        List<StackTrace> traces = [Deep(20), Branches(3), new Func<StackTrace>(static () => new StackTrace(true))()];
        await Task.Yield();
        traces.Add(new StackTrace(true));
        using SymbolResolver symbols = new(s_ample);
        int compared = 0;
        foreach (StackFrame frame in traces.SelectMany(static trace => trace.GetFrames()))
        {
            MethodBase? method = frame.GetMethod();
            if (method is null || frame.GetFileName() is not { } file)
            {
                continue;
            }

            bool isFound = symbols.TryFind(method, frame.GetILOffset(), out string found, out int line);
            Assert.That(isFound, Is.True, method.Name);
            Assert.That((found, line), Is.EqualTo((file, frame.GetFileLineNumber())), method.Name);
            compared++;
        }

        Assert.That(compared, Is.GreaterThan(20), "a comparison of nothing proves nothing");
    }

    [Test]
    public void AMethodWithoutSymbolsHasNoLineAndTheFrameworkIsNotCountedAsMissing()
    {
        using SymbolResolver symbols = new(s_ample);
        Assert.That(symbols.TryFind(typeof(string).GetMethod("Trim", [])!, 0, out _, out _), Is.False);
        Assert.That(symbols.Missing, Is.Empty);
    }

    [Test]
    public void AnAssemblyWithoutPdbIsNamedOnce()
    {
        AssemblyBuilder assembly = AssemblyBuilder.DefineDynamicAssembly(new("Made"), AssemblyBuilderAccess.Run);
        TypeBuilder type = assembly.DefineDynamicModule("m").DefineType("T");
        MethodBuilder method = type.DefineMethod("M", MethodAttributes.Static | MethodAttributes.Public);
        method.GetILGenerator().Emit(OpCodes.Ret);
        MethodInfo made = type.CreateType().GetMethod("M")!;
        using SymbolResolver symbols = new(s_ample);
        for (int i = 0; i < 2; i++)
        {
            Assert.That(symbols.TryFind(made, 0, out _, out _), Is.False);
        }

        Assert.That(symbols.Missing, Is.EqualTo(new[] { "Made" }));
    }

    [Test]
    public void WhenTheTimeIsUsedUpThereAreNoLinesAndItSaysSo()
    {
        using SymbolResolver symbols = new(TimeSpan.FromTicks(-1));
        Assert.That(symbols.TryFind(MethodBase.GetCurrentMethod()!, 0, out _, out _), Is.False);
        Assert.That(symbols.IsExhausted, Is.True);
    }

    [Test]
    public void AnUnknownOffsetHasNoLine()
    {
        using SymbolResolver symbols = new(s_ample);
        Assert.That(symbols.TryFind(MethodBase.GetCurrentMethod()!, -1, out _, out _), Is.False);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StackTrace Deep(int depth)
    {
        if (depth == 0)
        {
            return new StackTrace(true);
        }

        StackTrace trace = Deep(
            depth - 1);
        GC.KeepAlive(trace);
        return trace;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StackTrace Branches(int number)
    {
        for (int i = 0; i < 10; i++)
        {
            if (i == number)
            {
                return Deep(
                    i);
            }
        }

        throw new InvalidOperationException();
    }
}
