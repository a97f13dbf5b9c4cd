// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Reflection.Emit;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class MethodNamesTests
{
    [TestCaseSource(typeof(NamedMethods), nameof(NamedMethods.All))]
    public void AMethodIsNamedAsItsSourceNamesIt(MethodBase method, string expected)
        => Assert.That(MethodNames.Describe(method), Is.EqualTo(expected));

    [Test]
    public void ADynamicMethodHasItsOwnName()
    {
        DynamicMethod method = new("made", typeof(void), [typeof(int)]);
        Assert.That(MethodNames.Describe(method), Does.StartWith("made("));
    }

    [Test]
    public void EveryMethodOfTheCoreLibraryHasAName()
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
            | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        foreach (Type type in typeof(object).Assembly.GetTypes())
        {
            foreach (MethodBase method in type.GetMembers(All).OfType<MethodBase>())
            {
                string name = MethodNames.Describe(method);
                Assert.That(name, Does.EndWith(")").And.Not.Contain(">b__").And.Not.Contain(">g__"), method.ToString());
            }
        }
    }

    [Test]
    public void LambdasOfOneMethodAreToldApartByTheirOrdinal()
    {
        Func<int> first = static () => 1;
        Func<int> second = static () => 2;
        Assert.That(MethodNames.LambdaOrdinal(first.Method), Is.Not.EqualTo(MethodNames.LambdaOrdinal(second.Method)));
        Assert.That(MethodNames.LambdaOrdinal(MethodBase.GetCurrentMethod()!), Is.Empty);
    }
}
