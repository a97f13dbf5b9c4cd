// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;

namespace NativeLeak.Scanner.Tests.Scheduling;

[TestFixture]
internal sealed class LeakHistoryTests
{
    [Test]
    public void AGroupIsNewOnceAndAgainEachTimeItGrows()
    {
        LeakHistory history = new();
        Assert.Multiple(() =>
        {
            Assert.That(history.TakeNew([Group("a", 2)]), Has.Count.EqualTo(1));
            Assert.That(history.TakeNew([Group("a", 2)]), Is.Empty);
            Assert.That(history.TakeNew([Group("a", 1)]), Is.Empty, "fewer: some were freed");
            Assert.That(history.TakeNew([Group("a", 2)]), Is.Empty);
            Assert.That(history.TakeNew([Group("a", 3), Group("b", 1)]), Has.Count.EqualTo(2));
            Assert.That(history.TakeNew([Group("a", 3, LeakKind.Possible)]), Has.Count.EqualTo(1), "another kind");
        });
    }

    private static LeakGroup Group(string fingerprint, long blocks, LeakKind kind = LeakKind.Definite)
        => SampleReports.Leaky.Leaks[0] with
        {
            Fingerprint = fingerprint, Kind = kind, Total = new BlockTotal(blocks, blocks * 8),
        };
}
