// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Naming;

namespace NativeLeak.Scanner.Tests.Naming;

/// <summary>Types and fields of real objects, found again from their MethodTable and an offset.</summary>
[TestFixture]
internal sealed class ManagedTypeNamesTests
{
    private const string Here = "NativeLeak.Scanner.Tests.Naming.ManagedTypeNamesTests.";

    [Test]
    public void FieldsCanBeNamedOnThisRuntime() => Assert.That(ManagedTypeNames.CanNameFields, Is.True);

    [Test]
    public void EveryFieldOfAClassIsNamedWhereItReallyLies()
    {
        Derived o = new();
        Assert.Multiple(() =>
        {
            Check(o, ref o.Flag, Here + "Derived", "Flag");
            Check(o, ref o.Row, Here + "Derived", "Row");
            Check(o, ref o.Next, Here + "Derived", "Next");
            Check(o, ref o.Pair.Count, Here + "Derived", "Pair.Count");
            Check(o, ref o.Pair.Address, Here + "Derived", "Pair.Address");
            Check(o, ref o.InBase, Here + "Derived", "InBase");
        });
    }

    [Test]
    public void GenericTypesAreNamedWithTheirArguments()
    {
        Generic<string> text = new();
        Generic<int> number = new();
        Generic<Pair> pair = new();
        Assert.Multiple(() =>
        {
            Check(text, ref text.Address, Here + "Generic<string>", "Address");
            Check(number, ref number.Value, Here + "Generic<int>", "Value");
            Check(number, ref number.Address, Here + "Generic<int>", "Address");
            Check(pair, ref pair.Value.Address, Here + "Generic<ManagedTypeNamesTests.Pair>", "Value.Address");
            Assert.That(Describe(new List<nint>(), 8), Is.EqualTo(("System.Collections.Generic.List<nint>", "_items")));
        });
    }

    [Test]
    public void ElementsOfArraysAreNamedByIndexAndField()
    {
        Pair[] pairs = new Pair[5];
        nint[,] grid = new nint[2, 3];
        Assert.Multiple(() =>
        {
            Check(pairs, ref pairs[3].Address, Here + "Pair[]", "[3].Address");
            Check(grid, ref grid[1, 0], "nint[,]", "[3]");
            Assert.That(Describe(new nint[4], 16 + (8 * 2)), Is.EqualTo(("nint[]", "[2]")));
            Assert.That(Describe(new byte[100], 16 + 40), Is.EqualTo(("byte[]", "[40]")));
            Assert.That(Describe(new object[4], 16), Is.EqualTo(("object[]", "[0]")));
            Assert.That(Describe(new nint[4], 8), Is.EqualTo(("nint[]", (string?)null)), "the length is no element");
            Assert.That(Describe("text", 12), Is.EqualTo(("string", (string?)null)));
        });
    }

    [Test]
    public void WhatTheCompilerMadeUpIsNamedAfterItsMethod()
    {
        Assert.Multiple(() =>
        {
            Assert.That(DescribeCaptured(7), Is.EqualTo((Here + "DescribeCaptured+closure", "captured")));
            object iterator = Iterate(5).GetEnumerator();
            Assert.That(Describe(iterator, 8).Type, Is.EqualTo(Here + "Iterate+state machine"));
            Assert.That(FieldsOf(iterator), Does.Contain("local"));
        });
    }

    [Test]
    public void ATaskThatWaitsIsNamedAfterItsAsyncMethod()
    {
        TaskCompletionSource gate = new();
        Task waiting = WaitAsync(3, gate.Task);
        string type = Describe(waiting, 8).Type;
        string[] fields = FieldsOf(waiting);
        gate.SetResult();
        Assert.That(waiting.Wait(TimeSpan.FromSeconds(10)), Is.True);
        Assert.That(type, Is.EqualTo(Here + "WaitAsync+state machine"));
        Assert.That(fields, Does.Contain("StateMachine.address"));
    }

    [Test]
    public void NumbersThatAreNoTypeAreRefused()
    {
        nint native = Marshal.AllocHGlobal(4096);
        try
        {
            Marshal.Copy(new byte[4096], 0, native, 4096);
            ulong type = MethodTableOf(new Derived());
            ulong[] numbers = [0, 1, 8, 65536, type + 4, type + 8, type - 8, (ulong)native, 0x7fff_ffff_f000, ulong.MaxValue - 7, ~type & ~7UL];
            Assert.Multiple(() => Array.ForEach(numbers, static number =>
                Assert.That(ManagedTypeNames.TryDescribe(number, 8, out string name, out string? field) || name.Length > 0 || field is not null, Is.False, $"{number:x}")));
        }
        finally
        {
            Marshal.FreeHGlobal(native);
        }
    }

    [Test]
    public void TypesThatMayBeUnloadedAreRefused()
    {
        TypeBuilder builder = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Passing"), AssemblyBuilderAccess.RunAndCollect)
            .DefineDynamicModule("Passing").DefineType("Passing", TypeAttributes.Public);
        builder.DefineField("Address", typeof(nint), FieldAttributes.Public);
        object passing = Activator.CreateInstance(builder.CreateType())!;
        object generic = Activator.CreateInstance(typeof(Generic<>).MakeGenericType(passing.GetType()))!;
        Assert.Multiple(() =>
        {
            Assert.That(ManagedTypeNames.TryDescribe(MethodTableOf(passing), 8, out _, out _), Is.False);
            Assert.That(ManagedTypeNames.TryDescribe(MethodTableOf(generic), 8, out _, out _), Is.False);
        });
    }

    private static (string Type, string? Field) DescribeCaptured(nint captured)
    {
        Func<nint> closure = () => captured;
        return Describe(closure.Target!, 8);
    }

    private static IEnumerable<nint> Iterate(nint parameter)
    {
        nint local = parameter + 1;
        yield return local;
        yield return local + parameter;
    }

    private static async Task WaitAsync(nint address, Task gate)
    {
        await gate.ConfigureAwait(false);
        GC.KeepAlive(address);
    }

    private static string[] FieldsOf(object o)
        => [.. Enumerable.Range(2, 30).Select(i => Describe(o, (ulong)i * 4).Field).OfType<string>().Distinct()];

    private static void Check<T>(object o, ref T field, string type, string name)
    {
        ulong offset = 8 + (ulong)Unsafe.ByteOffset(ref Unsafe.As<FirstByte>(o).Value, ref Unsafe.As<T, byte>(ref field));
        Assert.That(Describe(o, offset), Is.EqualTo((type, name)));
    }

    private static (string Type, string? Field) Describe(object o, ulong offset)
    {
        Assert.That(ManagedTypeNames.TryDescribe(MethodTableOf(o), offset, out string type, out string? field), Is.True, o.GetType().ToString());
        return (type, field);
    }

    // Safety: the word before an object's first field is its MethodTable.
    private static ulong MethodTableOf(object o) => Unsafe.Subtract(ref Unsafe.As<byte, ulong>(ref Unsafe.As<FirstByte>(o).Value), 1);

    private sealed class FirstByte
    {
        public byte Value;
    }

    private class WithBase
    {
        public nint InBase;
    }

    private sealed class Derived : WithBase
    {
        public bool Flag;
        public nint Row;
        public Derived? Next;
        public Pair Pair;
    }

    private sealed class Generic<T>
    {
        public T? Value;
        public nint Address;
    }

    private struct Pair
    {
        public int Count;
        public nint Address;
    }
}
