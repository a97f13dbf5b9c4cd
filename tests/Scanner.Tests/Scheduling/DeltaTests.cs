// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>What several scans of one process say, by the real detector.</summary>
[TestFixture]
internal sealed class DeltaTests
{
    [Test]
    public void EachCheckTellsWhatIsLostByThen()
        => Assert.That(Run("three-checks"), Is.EqualTo(new[] { "nothing=0", "first=1337", "held=1337", "last=24360" }));

    [Test]
    public void ABlockThatIsRegainedIsNoLeakAndIsOneAgainWhenItIsLostAgain() => Assert.That(Run("delta"), Is.EqualTo(new[]
    {
        "reachable=0", "lost=10010", "more=12031", "again=18096", "regained=8086", "lost-again=18096", "freed=8086",
    }));

    [Test]
    public void ACheckIsAboutBlocksAndNotAboutSums() => Assert.That(Run("scope-totals"), Is.EqualTo(new[]
    {
        "same-sum=1600", "only-frees=", "fewer-frees=1803", "cancelled=throws", "cancelled=1900",
    }));

    [Test]
    public void BlocksOfEverySizeAreFoundAndHeldOnesAreNot()
    {
        string[] lines = Run("sizes");
        long bytes = 0;
        foreach (string[] words in lines.Where(static line => line.StartsWith("size=", StringComparison.Ordinal)).Select(static line => line.Split(' ', '=')))
        {
            int size = int.Parse(words[1]), lost = int.Parse(words[3]), planted = size < 1 << 20 ? 20 : 1;
            // Small blocks come from memory that was used before: stale words may hold one or two. The held one is not there.
            Assert.That(lost, Is.InRange(Math.Max(planted - 2, 1), planted), $"blocks of {size} bytes");
            // A block of no bytes is a block of one.
            Assert.That(words[5], Is.EqualTo($"{(long)Math.Max(size, 1) * lost}"));
            bytes += (long)Math.Max(size, 1) * lost;
        }

        Assert.That(lines, Has.Length.EqualTo(12));
        Assert.That(lines[^1], Is.EqualTo($"bytes={bytes}"), "every byte once in the total");
    }

    [TestCase(0)]
    [TestCase(5_555, Description = "The control: the one block that is lost is told by every scan.")]
    public void AmidThreadsThatAllocateAndFreeNothingIsInvented(int lose)
        => Assert.That(Run("contention lose=" + lose), Is.EqualTo(new[] { $"conclusive=True least={lose} most={lose}" }));

    private static string[] Run(string arguments)
    {
        ExitResult result = ExitApp.Run(arguments);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
