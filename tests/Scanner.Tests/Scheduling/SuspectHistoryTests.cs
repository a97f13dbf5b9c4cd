// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Scanner.Tests.Reporting;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>kmemleak's life of a suspect: found, found again unchanged, reported.</summary>
[TestFixture]
internal sealed class SuspectHistoryTests
{
    [TestCase(0, 1)]
    [TestCase(1, 2)]
    [TestCase(2, 3)]
    [TestCase(7, 8)]
    public void ABlockIsConfirmedByTheScanAfterSoManyThatFoundItUnchanged(int minimum, int expected)
    {
        SuspectHistory history = new() { MinimumUnreferencedScans = minimum };
        LostBlock block = Block();
        int scans = 0;
        do
        {
            history.Observe([block]);
            scans++;
        }
        while (!history.IsConfirmed(block) && scans < 100);

        Assert.That(scans, Is.EqualTo(expected));
    }

    [Test]
    public void ABlockWhoseContentChangesIsNeverConfirmedAndAlwaysAwaitsIt()
    {
        SuspectHistory history = new();
        for (ulong content = 0; content < 20; content++)
        {
            history.Observe([Block(checksum: content)]);
            Assert.That((history.IsConfirmed(Block()), history.AwaitsConfirmation), Is.EqualTo((false, true)));
        }

        history.Observe([Block(checksum: 19)]);
        Assert.That((history.IsConfirmed(Block()), history.AwaitsConfirmation), Is.EqualTo((true, false)));
    }

    [Test]
    public void ABlockThatWasReachableInBetweenBeginsAnew()
    {
        SuspectHistory history = new();
        history.Observe([Block()]);
        history.Observe([]);
        history.Observe([Block()]);
        Assert.That(history.IsConfirmed(Block()), Is.False);
    }

    [Test]
    public void AnotherBlockAtTheSameAddressIsAnotherSuspect()
    {
        SuspectHistory history = new();
        history.Observe([Block(ordinal: 1)]);
        history.Observe([Block(ordinal: 2)]);
        Assert.That(history.IsConfirmed(Block(ordinal: 2)), Is.False);
        Assert.That(history.IsConfirmed(Block(ordinal: 1)), Is.False, "it is not in the last scan");
    }

    [Test]
    public void AYoungBlockIsNoSuspect()
    {
        SuspectHistory history = new();
        history.Observe([Block(verdict: Verdict.Young)]);
        history.Observe([Block(verdict: Verdict.Young)]);
        Assert.That((history.IsConfirmed(Block()), history.AwaitsConfirmation), Is.EqualTo((false, false)));
    }

    [Test]
    public void OfManyBlocksInAnyOrderExactlyTheUnchangedAreConfirmed()
    {
        Random random = new(4711);
        SuspectHistory history = new();
        LostBlock[] first = [.. Enumerable.Range(1, 5000).Select(i => Block(address: (nuint)i * 16, checksum: (ulong)i))];
        LostBlock[] second = [.. first.Select((block, i) => Block(address: block.Address, checksum: block.Checksum + (i % 3 == 0 ? 1ul : 0)))];
        random.Shuffle(first);
        random.Shuffle(second);
        history.Observe(first);
        history.Observe(second);
        foreach (LostBlock block in second)
        {
            Assert.That(history.IsConfirmed(block), Is.EqualTo(((block.Address / 16) - 1) % 3 != 0));
        }
    }

    private static LostBlock Block(nuint address = 0x7000, uint ordinal = 1, ulong checksum = 0, Verdict verdict = Verdict.Definite)
    {
        LostBlock block = Lost.Block(1, verdict, 8, address: address, ordinal: ordinal);
        block.Checksum = checksum;
        return block;
    }
}
