// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Scanner.Tests.Scheduling;

namespace NativeLeak.Scanner.Tests.Questions;

/// <summary>Questions to the real detector about blocks of a real process, from the command to the words of the answer.</summary>
[TestFixture]
internal sealed class AskTests
{
    private const string Program = "NativeLeak.ExitApps.QuestionPrograms";

    private Dictionary<string, string> _answers = [];

    [OneTimeSetUp]
    public void Ask()
    {
        ExitResult result = ExitApp.Run("questions");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        _answers = result.Output.Split("# ", StringSplitOptions.RemoveEmptyEntries).Select(static text => text.Split('\n', 2))
            .ToDictionary(static parts => parts[0], static parts => parts[1]);
    }

    [TestCase("static who", $"a pointer to its start is in static field {Program}.s_value")]
    [TestCase("field who", $"a pointer to its start is in {Program}.Owner.Address")]
    [TestCase("child who", $"a pointer to its start is in the block allocated at {Program}.Alloc(int) in QuestionPrograms.cs:")]
    [TestCase("static path", $"held by static field {Program}.s_value\nwhich is a root")]
    [TestCase("field path", $"held by {Program}.Owner.Address\n  held by static field {Program}.s_owner\n")]
    [TestCase("child path", $"at its start + 24\n  held by static field {Program}.s_value\nwhich is a root")]
    public void TheAnswerNamesWhatHoldsTheBlock(string question, string expected)
        => Assert.That(_answers[question], Does.Contain(expected).And.Contain(": reachable\n"));

    [Test]
    public void ALostBlockHasNoPointerAndNoPath()
    {
        Assert.That(_answers["lost who"], Does.Contain(": 643 byte(s) allocated by Marshal.AllocHGlobal").And.Contain(": definite\n"));
        Assert.That(_answers["lost who"].Split('\n').Where(static line => line.StartsWith("  a pointer", StringComparison.Ordinal)),
            Is.All.EndsWith("which is dead: it does not count"));
        Assert.That(_answers["lost path"], Does.EndWith("nothing leads to it\n"));
    }

    [Test]
    public void AnAddressInsideABlockShowsTheBlockFromItsStart()
        => Assert.That(_answers["child inside dump"], Does.Contain(" + 8: 642 byte(s)").And.Contain("7e 7e 7e 7e").And.Contain("|~~~~"));

    [Test]
    public void WhatIsNoQuestionIsAnsweredWithWhatIsExpected()
    {
        Assert.That(_answers["no command"], Does.Contain("unknown command 'why=1000': who=<address>, dump=<address> or path=<address>"));
        Assert.That(_answers["no address"], Does.Contain("'here' is no address: hexadecimal digits are expected"));
        Assert.That(_answers["no block dump"], Does.Contain("0x1000: in no recorded block"));
    }
}
