// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck.Fluent;
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

[TestFixture]
internal sealed class OptionTextTests
{
    [TestCase("250ms", 0.25)]
    [TestCase("5s", 5)]
    [TestCase("5S", 5)]
    [TestCase("2m", 120)]
    [TestCase("1.5h", 5400)]
    [TestCase("1d", 86400)]
    [TestCase("7", 7)]
    [TestCase("0", 0)]
    [TestCase("off", 0)]
    [TestCase("10 s", 10)]
    public void ADurationIsANumberWithAUnitAndABareNumberIsSeconds(string text, double seconds)
    {
        Assert.That(OptionText.TryParseDuration(text, out TimeSpan value), Is.True);
        Assert.That(value.TotalSeconds, Is.EqualTo(seconds));
    }

    [TestCase("")]
    [TestCase("s")]
    [TestCase("-5s")]
    [TestCase("5 parsecs")]
    [TestCase("1e3s")]
    [TestCase("5,5s")]
    [TestCase("999999999d")]
    [TestCase("..")]
    public void WhatIsNoDurationIsRefused(string text)
        => Assert.That(OptionText.TryParseDuration(text, out _), Is.False);

    [TestCase("0", 0)]
    [TestCase("512", 512)]
    [TestCase("64k", 64 << 10)]
    [TestCase("64K", 64 << 10)]
    [TestCase("1m", 1 << 20)]
    [TestCase("2GiB", 2L << 30)]
    [TestCase("1.5k", 1536)]
    [TestCase("3 MB", 3 << 20)]
    [TestCase("1t", 1L << 40)]
    public void ASizeIsANumberWithAUnitOfPowersOf1024(string text, long byteCount)
    {
        Assert.That(OptionText.TryParseByteCount(text, out long value), Is.True);
        Assert.That(value, Is.EqualTo(byteCount));
    }

    [TestCase("")]
    [TestCase("k")]
    [TestCase("-1")]
    [TestCase("5x")]
    [TestCase("99999999999t")]
    public void WhatIsNoSizeIsRefused(string text)
        => Assert.That(OptionText.TryParseByteCount(text, out _), Is.False);

    [TestCase("1", true)]
    [TestCase("TRUE", true)]
    [TestCase("yes", true)]
    [TestCase("on", true)]
    [TestCase("0", false)]
    [TestCase("false", false)]
    [TestCase("No", false)]
    [TestCase("off", false)]
    public void ABooleanHasTheUsualWords(string text, bool expected)
    {
        Assert.That(OptionText.TryParseBoolean(text, out bool value), Is.True);
        Assert.That(value, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("2")]
    [TestCase("tru")]
    [TestCase("a word much longer than any that could be meant")]
    public void OtherWordsAreNoBooleans(string text) => Assert.That(OptionText.TryParseBoolean(text, out _), Is.False);

    [Test]
    public void EveryDefaultCanBeWrittenAndReadBack()
    {
        foreach (OptionDefinition row in OptionTable.All.Where(static row => row.Kind != OptionKind.Names))
        {
            Assert.That(OptionText.Parse(row, OptionText.Format(row.Default)), Is.EqualTo(row.Default), row.Name);
        }
    }

    [Test]
    public void NoTextMakesAnyParserThrow() => FsCheck.Check.QuickThrowOnFailure(Prop.ForAll<string?>(static text =>
    {
        foreach (OptionDefinition row in OptionTable.All)
        {
            object? value = OptionText.Parse(row, text ?? string.Empty);
            if (value is not null && row.Kind != OptionKind.Names)
            {
                // What was accepted can be shown and accepted again.
                Assert.That(OptionText.Parse(row, OptionText.Format(value)), Is.EqualTo(value), row.Name);
            }
        }

        _ = OptionText.TryParseByteCount(text, out _);
    }));
}
