// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

[TestFixture]
internal sealed class OptionHelpTests
{
    [Test]
    public void ALevelsOwnDefaultsSayThatTheyAre()
    {
        FakeOptionSource source = new() { Variables = { ["NATIVELEAK"] = "paranoid" } };
        string help = OptionHelp.Write(source.Read(isStartedByVariable: true));
        Assert.That(help, Does.Contain(", now paranoid\n").And.Contain("default 16, now 64 (of level paranoid)"));
    }

    [Test]
    public void EveryKeyIsThereWithDefaultValueAndOrigin()
    {
        FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = "format=json";
        source.Variables["NATIVELEAK_MIN_AGE"] = "250ms";
        string help = OptionHelp.Write(source.Read());
        Assert.Multiple(() =>
        {
            foreach (OptionDefinition row in OptionTable.All)
            {
                Assert.That(help, Does.Contain("  " + row.Name + " (").And.Contain(row.Help));
            }

            Assert.That(help, Does.Contain("default text, now json (from NATIVELEAK_OPTIONS)"));
            Assert.That(help, Does.Contain("default 5s, now 250ms (from NATIVELEAK_MIN_AGE)"));
            Assert.That(help, Does.Contain("default 23, now 23 (default)"));
            Assert.That(help, Does.Contain("level: NATIVELEAK=off|count|sample|on|paranoid, now on"));
            Assert.That(help, Does.Contain("default 512k, now 512k (default)"));
        });
    }
}
