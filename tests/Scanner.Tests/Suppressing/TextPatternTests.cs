// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.RegularExpressions;
using NativeLeak.Suppressing;

namespace NativeLeak.Scanner.Tests.Suppressing;

[TestFixture]
internal sealed class TextPatternTests
{
    [TestCase("Load", "Contoso.Cache.Load(int)", true)]
    [TestCase("load", "Contoso.Cache.Load(int)", false)]
    [TestCase("^Contoso", "Contoso.Cache.Load(int)", true)]
    [TestCase("^Cache", "Contoso.Cache.Load(int)", false)]
    [TestCase("(int)$", "Contoso.Cache.Load(int)", true)]
    [TestCase("(int)$", "Contoso.Cache.Load(int, int)+lambda(int x)", false)]
    [TestCase("Con*Load", "Contoso.Cache.Load(int)", true)]
    [TestCase("Load*Con", "Contoso.Cache.Load(int)", false)]
    [TestCase("", "anything", true)]
    [TestCase("*", "", true)]
    [TestCase("a*a", "a", false)]
    [TestCase("^a*a$", "aba", true)]
    [TestCase("^$", "", true)]
    [TestCase("^$", "x", false)]
    [TestCase("byte[]", "Read(byte[])", true, Description = "nothing but the asterisk and the ends is special")]
    public void APatternFitsAnywhereUnlessItSaysWhere(string pattern, string text, bool fits)
        => Assert.That(new TextPattern(pattern, isWhole: false).Fits(text), Is.EqualTo(fits));

    [TestCase("Marshal.*", "Marshal.AllocHGlobal", true)]
    [TestCase("Marshal", "Marshal.AllocHGlobal", false)]
    [TestCase("*.AllocHGlobal", "Marshal.AllocHGlobal", true)]
    public void AWholePatternFitsTheWholeText(string pattern, string text, bool fits)
        => Assert.That(new TextPattern(pattern, isWhole: true).Fits(text), Is.EqualTo(fits));

    // The law: it is the regular expression that it stands for.
    [Test]
    public void ItDoesWhatTheRegularExpressionDoes()
    {
        Random random = new(20261129);
        for (int i = 0; i < 200_000; i++)
        {
            string pattern = Word(random, "ab*", 6), text = Word(random, "ab", 8);
            (bool start, bool end, bool whole) = (random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0);
            string written = (start ? "^" : "") + pattern + (end ? "$" : "");
            string expression = (start || whole ? @"\A" : "") + pattern.Replace("*", ".*", StringComparison.Ordinal)
                + (end || whole ? @"\z" : "");
            Assert.That(new TextPattern(written, whole).Fits(text), Is.EqualTo(Regex.IsMatch(text, expression)),
                () => $"'{written}' whole={whole} on '{text}'");
        }
    }

    private static string Word(Random random, string letters, int length)
        => string.Concat(Enumerable.Range(0, random.Next(length + 1)).Select(_ => letters[random.Next(letters.Length)]));
}
