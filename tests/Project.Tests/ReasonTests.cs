// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Project.Tests;

/// <summary>Dangerous code gives its reasons.</summary>
[TestFixture]
internal sealed class ReasonTests
{
    [Test]
    public void EveryAtomicAndFenceSaysWhatItOrders() => Assert.That(
        SourceTree.CSharp("src").SelectMany(path => ReasonCheck.WithoutOrder(path, SourceTree.Lines(path))), Is.Empty);

    [Test]
    public void EveryUnsafeMemberSaysWhyItIsSafe() => Assert.That(
        SourceTree.CSharp("src").SelectMany(path => ReasonCheck.WithoutSafety(path, SourceTree.Lines(path))), Is.Empty);

    [TestCase("        Volatile.Write(ref _state, 1);", 1)]
    [TestCase("        // Volatile.Write(ref _state, 1);", 0)]
    [TestCase("        // Order: release, pairs with Read.\n        Volatile.Write(ref _state, 1);", 0)]
    [TestCase("        Interlocked.Increment(ref _count);", 1)]
    public void AMissingOrderIsFound(string body, int expected)
        => Assert.That(ReasonCheck.WithoutOrder("file", Member("private void M()", body)).Count(), Is.EqualTo(expected));

    [TestCase("private unsafe void M()", "        *_pointer = 1;", 1)]
    [TestCase("private unsafe void M()", "        // Safety: it is ours.\n        *_pointer = 1;", 0)]
    [TestCase("private void M()", "        unsafe\n        {\n        }", 1)]
    public void AMissingSafetyIsFound(string header, string body, int expected)
        => Assert.That(ReasonCheck.WithoutSafety("file", Member(header, body)).Count(), Is.EqualTo(expected));

    [Test]
    public void TheReasonOfANeighbourDoesNotCount()
    {
        string[] lines =
        [
            .. Member("private void First()", "        // Order: none needed.\n        Interlocked.Increment(ref _count);"),
            "",
            .. Member("private void Second()", "        Interlocked.Increment(ref _count);").Skip(2),
        ];
        Assert.That(ReasonCheck.WithoutOrder("file", lines).Count(), Is.EqualTo(1));
    }

    private static string[] Member(string header, string body)
        => $"internal sealed class C\n{{\n    {header}\n    {{\n{body}\n    }}\n".TrimEnd('\n').Split('\n');
}
