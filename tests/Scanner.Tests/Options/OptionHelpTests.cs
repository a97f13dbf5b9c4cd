// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

[TestFixture]
internal sealed class OptionHelpTests
{
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
        });
    }
}
