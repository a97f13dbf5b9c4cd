// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Naming;
using NativeLeak.Roots;

namespace NativeLeak.Scanner.Tests.Naming;

/// <summary>Which words of real types can hold an address.</summary>
[TestFixture]
internal sealed class PointerMapTests
{
    [Test]
    public void FieldsThatCanHoldAnAddressAreMarkedAndNoOthers()
    {
        Mixed o = new();
        Assert.That(Describe(typeof(Mixed), out PointerMap? map), Is.EqualTo(TypeWords.Fields));
        Dictionary<string, bool> marked = new()
        {
            ["Word"] = map!.IsMarked(Offset(o, ref o.Word)),
            ["Number"] = map.IsMarked(Offset(o, ref o.Number)),
            ["Text"] = map.IsMarked(Offset(o, ref o.Text)),
            ["Inner.Address"] = map.IsMarked(Offset(o, ref o.Inner.Address)),
            ["InBase"] = map.IsMarked(Offset(o, ref o.InBase)),
            ["Real"] = map.IsMarked(Offset(o, ref o.Real)),
            ["Count"] = map.IsMarked(Offset(o, ref o.Count)),
            ["Id"] = map.IsMarked(Offset(o, ref o.Id)),
            ["Inner.Real"] = map.IsMarked(Offset(o, ref o.Inner.Real)),
        };
        Assert.That(
            marked.Where(static field => field.Value).Select(static field => field.Key),
            Is.EquivalentTo(["Word", "Number", "Text", "Inner.Address", "InBase"]));
        Assert.That(Enumerable.Range(0, (int)map.StepCount).Count(step => map.IsMarked((uint)step * 4)), Is.EqualTo(5));
    }

    [Test]
    public void OfElementsOnlyStructsAreTakenApart()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Describe(typeof(Inner[]), out PointerMap? map), Is.EqualTo(TypeWords.Elements));
            Assert.That(Enumerable.Range(0, (int)map!.StepCount).Select(step => map.IsMarked((uint)step * 4)), Is.EqualTo([false, false, true, false]));
            Type[] empty = [typeof(char[]), typeof(double[]), typeof(float[]), typeof(bool[]), typeof(double[,])];
            Assert.That(empty.Where(static type => Describe(type, out _) != TypeWords.None), Is.Empty);
            Type[] any = [typeof(byte[]), typeof(int[]), typeof(nint[]), typeof(long[]), typeof(string[]), typeof(object[,]), typeof(DayOfWeek[]), typeof(string)];
            Assert.That(any.Where(static type => Describe(type, out _) != TypeWords.Any), Is.Empty);
        });
    }

    [Test]
    public void WhatIsLaidOutByHandIsReadByWords()
    {
        Type[] types = [typeof(Holder<Union>), typeof(Holder<Inline>), typeof(Holder<Blob>), typeof(Holder<Fixed>), typeof(Union[]), typeof(Blob[])];
        Assert.That(types.Where(static type => Describe(type, out _) != TypeWords.Any), Is.Empty);
        Assert.That(Describe(typeof(Holder<Inner>), out _), Is.EqualTo(TypeWords.Fields), "a control");
    }

    private static TypeWords Describe(Type type, out PointerMap? map)
    {
        Assert.That(MethodTables.TryGetType((ulong)type.TypeHandle.Value, out MethodTableFacts facts), Is.EqualTo(type));
        return PointerMap.Describe(type, facts, out map);
    }

    private static uint Offset<T>(object o, ref T field)
    {
        ref byte start = ref Unsafe.As<FirstByte>(o).Value;
        return (uint)Unsafe.ByteOffset(ref start, ref Unsafe.As<T, byte>(ref field));
    }

    private sealed class FirstByte
    {
        public byte Value;
    }

    private class WithBase
    {
        public nint InBase;
    }

    private sealed class Mixed : WithBase
    {
        public double Real;
        public nint Word;
        public int Count;
        public long Number;
        public string? Text;
        public Guid Id;
        public Inner Inner;
    }

    private sealed class Holder<T>(T value)
        where T : struct
    {
        public T Value = value;
    }

    private struct Inner
    {
        public double Real;
        public nint Address;
    }

    [StructLayout(LayoutKind.Explicit)]
    private struct Union
    {
        [FieldOffset(0)]
        public double Real;
        [FieldOffset(0)]
        public int Low;
    }

    [InlineArray(4)]
    private struct Inline
    {
        public double First;
    }

    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct Blob
    {
        public double First;
    }

    private unsafe struct Fixed
    {
        public fixed double Values[4];
    }
}
