// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using NativeLeak.Naming;

namespace NativeLeak.Scanner.Tests.Naming;

/// <summary>Static fields, found again from their addresses.</summary>
[TestFixture]
internal sealed unsafe class StaticFieldsTests
{
    private const string Here = "NativeLeak.Scanner.Tests.Naming.StaticFieldsTests.";

    private static nint s_word = 1;
    private static int s_half = 2;
    private static int s_otherHalf = 3;
    private static void* s_pointer;
    private static nint[]? s_words = [4];
    private static Pair s_pair;

    [ThreadStatic]
    private static nint t_word;

    private readonly StaticFields _statics = new();

    [Test]
    public void StaticFieldsCanBeNamedOnThisRuntime() => Assert.That(StaticFields.CanName, Is.True);

    [Test]
    public void NumbersAndPointersAreNamedWhereTheyReallyLie()
    {
        s_pointer = null;
        s_half = s_otherHalf;
        Assert.Multiple(() =>
        {
            Assert.That(Value(ref s_word), Is.EqualTo(Here + "s_word"));
            Assert.That(Value(ref s_half), Is.EqualTo(Here + "s_half"));
            Assert.That(Value(ref s_otherHalf), Is.EqualTo(Here + "s_otherHalf"));
            Assert.That(_statics.Describe(AddressOf(ref *(nint*)PointerField()), isReference: false), Is.EqualTo(Here + "s_pointer"));
            Assert.That(Value(ref Other.Property), Is.EqualTo(Here + "Other.Property"));
        });
    }

    [Test]
    public void ReferencesAndStructsAreNamedByTheElementThatHasThem()
    {
        s_words = [5];
        Assert.That(_statics.Describe(AddressOf(ref s_words), isReference: true), Is.EqualTo(Here + "s_words"));
        // A static struct is a box: the element before or behind this field's is the reference to it.
        s_pair.Address = 6;
        Assert.That(s_pair.Address, Is.EqualTo((nint)6));
        string?[] neighbours =
        [
            .. new[] { -1, 1 }.Select(step => _statics.Describe(AddressOf(ref s_words) + (nuint)(step * sizeof(nint)), isReference: true)),
        ];
        Assert.That(neighbours, Does.Contain(Here + "s_pair"));
    }

    [Test]
    public void WhatIsNoStaticFieldHasNoName()
    {
        nint local = 7;
        t_word = 8;
        object o = new nint[4];
        Assert.Multiple(() =>
        {
            Assert.That(Value(ref local), Is.Null, "a local");
            Assert.That(Value(ref t_word), Is.Null, "a thread static");
            Assert.That(_statics.Describe(AddressOf(ref Unsafe.As<nint[]>(o)[1]), isReference: true), Is.Null, "an element of any array");
            Assert.That(_statics.Describe(0, isReference: false), Is.Null);
            Assert.That(_statics.Describe(nuint.MaxValue, isReference: false), Is.Null);
            Assert.That(_statics.Describe(nuint.MaxValue, isReference: true), Is.Null);
            Assert.That(Value(ref Generic<int>.Value), Is.Null, "of a generic type, which no module's map has");
        });
    }

    private string? Value<T>(ref T field) => _statics.Describe(AddressOf(ref field), isReference: false);

    private static void** PointerField()
    {
        fixed (void** field = &s_pointer)
        {
            return field; // statics that are no references do not move
        }
    }

    // Safety: only the number is used.
    private static nuint AddressOf<T>(ref T field) => (nuint)Unsafe.AsPointer(ref Unsafe.As<T, byte>(ref field));

    private struct Pair
    {
        public nint Address;
    }

    private static class Other
    {
        public static nint Property = 9;
    }

    private static class Generic<T>
    {
        public static nint Value;
    }
}
