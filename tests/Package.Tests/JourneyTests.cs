// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Build;

namespace NativeLeak.Package.Tests;

/// <summary>The scripts under samples/journeys do what they show.</summary>
[TestFixture]
internal sealed class JourneyTests
{
    [Test]
    public void There_is_a_journey() => Assert.That(Journeys.Names, Does.Contain("add-the-package"));

    [TestCase("add-the-package")]
    public void A_journey_ends_well(string name)
    {
        Assert.That(Consumer.Feed, Is.EqualTo(Packages.Folder));
        ChildResult result = ChildProcess.Run("dotnet", [Repository.ProgramOf("NativeLeak.Build"), "journeys", name]);
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
        Assert.That(result.Output, Does.Match($@"\n{name} passed \(\d+ s\)\n1 passed, 0 failed\n$"));
    }
}
