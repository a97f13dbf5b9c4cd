// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.CompilerServices;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests;

/// <summary>The rules for code that runs parked or in the child, as far as they can be read off the metadata.</summary>
internal sealed class ChildCodeTests
{
    private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
        | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static IEnumerable<Type> ChildTypes => typeof(ChildCode).Assembly.GetTypes()
        .Where(type => type.IsDefined(typeof(ChildCodeAttribute), inherit: false));

    [Test]
    public void Every_method_is_compiled_once_for_good_or_inlined()
    {
        // RawSyscall.Initialize is called before there is any snapshot; what the compiler adds to a record is never called there.
        IEnumerable<string> wrong = ChildTypes
            .SelectMany(type => type.GetMethods(All))
            .Where(method => !method.IsSpecialName && !method.IsDefined(typeof(CompilerGeneratedAttribute))
                && method.Name != nameof(RawSyscall.Initialize)
                && !method.MethodImplementationFlags.HasFlag((MethodImplAttributes)(int)ChildCode.Options)
                && !method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveInlining))
            .Select(method => $"{method.DeclaringType!.Name}.{method.Name}");
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void No_type_has_a_static_constructor_or_is_generic()
    {
        Assert.That(ChildTypes, Is.Not.Empty);
        Assert.That(ChildTypes.Where(type => type.TypeInitializer != null || type.IsGenericType), Is.Empty);
    }

    [Test]
    public void The_parked_zone_is_one_type()
        => Assert.That(ChildTypes, Does.Contain(typeof(StoppedWorld)).And.Contain(typeof(SnapshotChild)));

    [Test]
    public void Preparing_compiles_every_method()
    {
        int expected = ChildTypes.Sum(type => type.GetMethods(All).Length + type.GetConstructors(All).Length);
        Assert.That(ChildCode.PrepareAll(typeof(ChildCode).Assembly), Is.EqualTo(expected));
    }
}
