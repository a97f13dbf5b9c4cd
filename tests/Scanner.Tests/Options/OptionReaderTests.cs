// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck.Fluent;
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

[TestFixture]
internal sealed class OptionReaderTests
{
    [Test]
    public void WithoutAnyTextTheDefaultsHold()
    {
        OptionSet set = new FakeOptionSource().Read();
        Assert.Multiple(() =>
        {
            Assert.That(set.Warnings, Is.Empty);
            foreach (OptionDefinition row in OptionTable.All)
            {
                Assert.That(set.Get(row.Key), Is.EqualTo(row.Default), row.Name);
                Assert.That(set.GetOrigin(row.Key), Is.EqualTo(OptionOrigin.Default), row.Name);
            }
        });
    }

    [Test]
    public void TheTableIsIndexedByItsKeys()
        => Assert.That(OptionTable.All.Select(static row => row.Key), Is.EqualTo(Enum.GetValues<OptionKey>()));

    [Test]
    public void EachLayerWinsOverTheOneBelow()
    {
        FakeOptionSource source = new();
        Check(source, 23, OptionOrigin.Default);
        source.Properties["NativeLeak.exitcode"] = "1";
        Check(source, 1, OptionOrigin.RuntimeConfig);
        source.Variables["NATIVELEAK_OPTIONS"] = "exitcode=2";
        Check(source, 2, OptionOrigin.OptionsVariable);
        source.Variables["NATIVELEAK_EXITCODE"] = "3";
        Check(source, 3, OptionOrigin.KeyVariable);
        LeakDetectorOptions options = new(source.Read()) { ExitCode = 4 };
        Assert.That(options.ExitCode, Is.EqualTo(4));
        Assert.That(options.Set.GetOrigin(OptionKey.ExitCode), Is.EqualTo(OptionOrigin.Code));

        static void Check(FakeOptionSource source, int expected, OptionOrigin origin)
        {
            OptionSet set = source.Read();
            Assert.That(set.Get<int>(OptionKey.ExitCode), Is.EqualTo(expected));
            Assert.That(set.GetOrigin(OptionKey.ExitCode), Is.EqualTo(origin));
        }
    }

    [TestCase("NativeLeak.min_age")]
    [TestCase("NativeLeak.MinAge")]
    public void APropertyMayBeWrittenEitherWay(string name)
    {
        FakeOptionSource source = new();
        source.Properties[name] = "7s";
        Assert.That(source.Read().Get<TimeSpan>(OptionKey.MinimumAge), Is.EqualTo(TimeSpan.FromSeconds(7)));
    }

    [Test]
    public void ExitCodesAreLeftAloneWhenTheEnvironmentStartedTheDetector()
    {
        FakeOptionSource source = new() { Variables = { ["NATIVELEAK"] = "on" } };
        Assert.That(source.Read(isStartedByVariable: true).Get<FailOn>(OptionKey.FailOn), Is.EqualTo(FailOn.None));
        source.Variables["NATIVELEAK_FAIL_ON"] = "possible";
        Assert.That(source.Read(isStartedByVariable: true).Get<FailOn>(OptionKey.FailOn), Is.EqualTo(FailOn.Possible));
    }

    [Test]
    public void AnUnknownKeyIsOneWarningThatNamesTheNearest()
    {
        FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = "exitcod=5,exitcod=6,format=json";
        OptionSet set = source.Read();
        Assert.That(set.Warnings, Has.Count.EqualTo(1));
        Assert.That(set.Warnings[0], Does.Contain("'exitcod'").And.Contain("'exitcode'"));
        Assert.That(set.Get<ReportFormat>(OptionKey.Format), Is.EqualTo(ReportFormat.Json), "the rest counts");
    }

    [Test]
    public void AnUnknownVariableIsOneWarningThatNamesTheNearest()
    {
        FakeOptionSource source = new();
        source.Variables["NATIVELEAK_LOGPATH"] = "x";
        Assert.That(source.Read().Warnings, Has.Count.EqualTo(1).And.One.Contains("'log_path'"));
    }

    [TestCase("NATIVELEAK_FORMAT", "jsn", "'json'")]
    [TestCase("NATIVELEAK_EXITCODE", "256", "0 to 255")]
    [TestCase("NATIVELEAK_EXITCODE", "-1", "'23' stays")]
    [TestCase("NATIVELEAK_MIN_AGE", "soon", "250ms")]
    [TestCase("NATIVELEAK_INTERIOR", "2", "0 or 1")]
    [TestCase("NATIVELEAK_REPORT_AT", "exit,never", "signal")]
    [TestCase("NATIVELEAK_STACK_DEPTH", "0", "1 to 64")]
    public void ABadValueIsOneWarningAndChangesNothing(string variable, string text, string expected)
    {
        FakeOptionSource source = new() { Variables = { [variable] = text } };
        OptionSet set = source.Read();
        OptionDefinition row = OptionTable.All.Single(row => row.VariableName == variable);
        Assert.That(set.Warnings, Has.Count.EqualTo(1).And.One.Contains(expected));
        Assert.That(set.Get(row.Key), Is.EqualTo(row.Default));
    }

    [Test]
    public void AnEmptyVariableCountsAsNotSet()
    {
        FakeOptionSource source = new() { Variables = { ["NATIVELEAK_FORMAT"] = "", ["NATIVELEAK_OPTIONS"] = "" } };
        Assert.That(source.Read().Warnings, Is.Empty);
    }

    [TestCase(null, DetectorLevel.Off, null)]
    [TestCase("", DetectorLevel.Off, null)]
    [TestCase("off", DetectorLevel.Off, null)]
    [TestCase("0", DetectorLevel.Off, null)]
    [TestCase("False", DetectorLevel.Off, null)]
    [TestCase("on", DetectorLevel.On, null)]
    [TestCase("1", DetectorLevel.On, null)]
    [TestCase("TRUE", DetectorLevel.On, null)]
    [TestCase("count", DetectorLevel.Count, null)]
    [TestCase(" Sample ", DetectorLevel.Sample, null)]
    [TestCase("PARANOID", DetectorLevel.Paranoid, null)]
    [TestCase("parnoid", DetectorLevel.On, "'paranoid'")]
    public void TheLevelIsAWord(string? text, DetectorLevel expected, string? warning)
    {
        DetectorLevel level = OptionReader.ReadLevel(text, out string? said);
        Assert.That(level, Is.EqualTo(expected));
        Assert.That(said, warning is null ? Is.Null : Does.Contain(warning));
    }

    [TestCase("", 16)]
    [TestCase("count", 5)]
    [TestCase("sample", 16)]
    [TestCase("on", 16)]
    [TestCase("paranoid", 64)]
    public void ALevelHasDefaultsOfItsOwnAndWhatIsSaidWins(string level, int depth)
    {
        FakeOptionSource source = new() { Variables = { ["NATIVELEAK"] = level } };
        OptionSet set = source.Read(isStartedByVariable: true);
        Assert.That(set.Get<int>(OptionKey.StackDepth), Is.EqualTo(depth));
        source.Properties["NativeLeak.stack_depth"] = "9";
        Assert.That(source.Read(isStartedByVariable: true).Get<int>(OptionKey.StackDepth), Is.EqualTo(9));
    }

    [TestCase(null, DetectorLevel.On)]
    [TestCase("off", DetectorLevel.On)]
    [TestCase("sample", DetectorLevel.Sample)]
    public void WhatCodeStartsHasTheVariablesLevelOrElseOn(string? level, DetectorLevel expected)
    {
        FakeOptionSource source = new();
        if (level is not null)
        {
            source.Variables["NATIVELEAK"] = level;
        }

        Assert.That(source.Read().Level, Is.EqualTo(expected));
    }

    [Test]
    public void ALevelSetInCodeBringsItsDefaultsAndTakesThemAwayAgain()
    {
        LeakDetectorOptions options = new(new OptionSet()) { Level = DetectorLevel.Paranoid };
        Assert.That(options.StackDepth, Is.EqualTo(64));
        options.Level = DetectorLevel.On;
        Assert.That(options.StackDepth, Is.EqualTo(16));
        options.StackDepth = 8;
        options.Level = DetectorLevel.Count;
        Assert.That(options.StackDepth, Is.EqualTo(8), "what is said in code stays");
        Assert.That(() => options.Level = (DetectorLevel)9, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void NoEnvironmentMakesTheReaderThrow()
        => FsCheck.Check.QuickThrowOnFailure(Prop.ForAll<string?, string?, string?>(static (line, key, value) =>
    {
        FakeOptionSource source = new();
        source.Variables["NATIVELEAK"] = value ?? string.Empty;
        source.Variables["NATIVELEAK_OPTIONS"] = line ?? string.Empty;
        source.Variables["NATIVELEAK_" + key] = value ?? string.Empty;
        source.Properties["NativeLeak.format"] = value ?? string.Empty;
        OptionSet set = source.Read(isStartedByVariable: true);
        Assert.That(OptionHelp.Write(set), Is.Not.Empty);
    }));

    [Test]
    public void NoMixtureOfGrammarMakesTheReaderThrow()
    {
        FsCheck.Gen<string> part = Gen.Elements(
            ",", ":", "=", "'", "\"", "format", "log_path", "json", "exit", "report_at", "processes", "64k", "5s", " ",
            "é", "\0");
        FsCheck.Arbitrary<string> lines = Gen.ArrayOf(part).Select(string.Concat).ToArbitrary();
        FsCheck.Check.QuickThrowOnFailure(Prop.ForAll(lines, static line =>
        {
            FakeOptionSource source = new() { Variables = { ["NATIVELEAK_OPTIONS"] = line } };
            _ = source.Read();
        }));
    }
}
