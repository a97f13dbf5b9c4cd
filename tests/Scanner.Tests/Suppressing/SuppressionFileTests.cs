// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using NativeLeak.Suppressing;

namespace NativeLeak.Scanner.Tests.Suppressing;

/// <summary>What files may hold, and what is said about what they must not.</summary>
[TestFixture]
internal sealed class SuppressionFileTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void LinesAreSuppressionsAndCommentsAndEmptyLinesAreNone()
    {
        (List<Suppression> found, List<string> warnings) = Read("\uFEFF# known\r\n\r\nleak:Contoso.Cache.Load\r\n  leak: A ... B  \n");
        Assert.That(warnings, Is.Empty);
        Assert.That(found.Select(static each => (each.Name, each.Frames.Count)),
            Is.EqualTo(new[] { ("Contoso.Cache.Load", 1), (" A ... B", 2) }));
        Assert.That(found[1].Source, Does.EndWith("/s:4"));
    }

    [Test]
    public void EveryConditionIsRead()
    {
        Suppression read = Read("leak:A.B(byte[]) where kind=possible, allocator=Marshal.*, tag=cache*, size=64..4k, count=10, until=2027-06-30")
            .Found.Single();
        Assert.Multiple(() =>
        {
            Assert.That(read.Kind, Is.EqualTo(LeakKind.Possible));
            Assert.That(read.Allocator!.Fits("Marshal.AllocHGlobal") && !read.Allocator.Fits("NativeMemory.Alloc"));
            Assert.That(read.Tag!.Fits("cache 1") && !read.Tag.Fits("a cache"));
            Assert.That((read.LeastBytes, read.MostBytes, read.MostBlocks), Is.EqualTo((64, 4096, 10)));
            Assert.That(read.LastDay, Is.EqualTo(new DateOnly(2027, 6, 30)));
        });
    }

    [TestCase("size=64", 64, 64)]
    [TestCase("size=1m..", 1 << 20, long.MaxValue)]
    [TestCase("size=..9", 0, 9)]
    public void ASizeIsANumberOrARange(string condition, long least, long most)
    {
        Suppression read = Read("leak:A where " + condition).Found.Single();
        Assert.That((read.LeastBytes, read.MostBytes), Is.EqualTo((least, most)));
    }

    [TestCase("race:A", "a line is leak: and a pattern")]
    [TestCase("leak:", "fits every leak")]
    [TestCase("leak:*", "fits every leak")]
    [TestCase("leak: ... ", "fits every leak")]
    [TestCase("leak:A where size=9..3", "size is a number of bytes or a range")]
    [TestCase("leak:A where size=..", "size is a number of bytes or a range")]
    [TestCase("leak:A where kind=lost", "kind is definite, indirect or possible")]
    [TestCase("leak:A where kind=1", "kind is definite, indirect or possible")]
    [TestCase("leak:A where count=-1", "count is the most blocks")]
    [TestCase("leak:A where until=tomorrow", "until is the last day")]
    [TestCase("leak:A where alocator=x", "the nearest is 'allocator'")]
    [TestCase("leak:A where tag=", "tag wants a pattern")]
    [TestCase("leak:A where ", "unknown condition")]
    public void WhatIsWrongIsSaidWithItsPlaceAndTheOtherLinesCount(string line, string error)
    {
        (List<Suppression> found, List<string> warnings) = Read("leak:Before\n" + line + "\nleak:After\n");
        Assert.That(found.Select(static each => each.Name), Is.EqualTo(new[] { "Before", "After" }));
        Assert.That(warnings, Has.Count.EqualTo(1));
        Assert.That(warnings[0], Does.Contain("/s:2: ").And.Contain(error));
    }

    [Test]
    public void AFileThatIsNotThereIsAWarningAndTheOthersCount()
    {
        File.WriteAllText(_folder + "/s", "leak:A");
        List<Suppression> found = [];
        List<string> warnings = [];
        SuppressionFile.Read($"{_folder}/none; {_folder}/s,{_folder}", found, warnings);
        Assert.That(found, Has.Count.EqualTo(1));
        Assert.That(warnings, Has.Count.EqualTo(2).And.Some.Contains("/none cannot be read"));
    }

    [Test]
    public void AHugeFileIsReadToItsBoundAndAThousandErrorsAreTen()
    {
        (_, List<string> errors) = Read(string.Concat(Enumerable.Repeat("nonsense\n", 1000)));
        Assert.That(errors, Has.Count.EqualTo(11));
        Assert.That(errors[^1], Does.Contain("990 more line(s)"));
        (List<Suppression> found, List<string> warnings) = Read("leak:First\n" + new string('#', SuppressionFile.MaximumByteCount));
        Assert.That(found, Has.Count.EqualTo(1));
        Assert.That(warnings.Single(), Does.Contain("longer than"));
    }

    // Hostile files: whatever the bytes are, nothing is thrown and warnings are bounded.
    [Test]
    public void NoBytesHarm()
    {
        Random random = new(7);
        string[] pieces = ["leak:", " where ", "size=", "..", "...", ",", "=", "!", "*", "^", "$", "\n", "\r", "\0", "\u001b[2J", "kind", "until=", "é", "\ud800"];
        for (int i = 0; i < 3_000; i++)
        {
            byte[] bytes = i % 2 == 0
                ? Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => pieces[random.Next(pieces.Length)])))
                : new byte[random.Next(200)];
            if (i % 2 != 0)
            {
                random.NextBytes(bytes);
            }

            File.WriteAllBytes(_folder + "/s", bytes);
            List<string> warnings = [];
            Assert.That(() => SuppressionFile.Read(_folder + "/s", [], warnings), Throws.Nothing);
            Assert.That(warnings, Has.Count.LessThan(12));
        }
    }

    private (List<Suppression> Found, List<string> Warnings) Read(string text)
    {
        File.WriteAllText(_folder + "/s", text);
        List<Suppression> found = [];
        List<string> warnings = [];
        SuppressionFile.Read(_folder + "/s", found, warnings);
        return (found, warnings);
    }
}
