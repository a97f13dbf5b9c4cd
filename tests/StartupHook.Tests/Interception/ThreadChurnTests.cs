// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.StartupHook.Tests.Interception;

/// <summary>A program that starts and ends threads all the time. The application is HookDriver.</summary>
[TestFixture]
internal sealed class ThreadChurnTests
{
    // More than the 16,383 thread numbers, and than the 32,768 thread ids of many kernels: both are used again.
    [Test]
    public void Forty_thousand_threads_are_told_apart_or_said_not_to_be_and_leave_few_records_behind()
    {
        ChildResult result = ChildProcess.Dotnet(Apps.HookDriver, ["threads", "Exports", "40000"]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, result.Error), Is.EqualTo((0, "")));
            Assert.That(result.Value("threads"), Is.EqualTo("40000 kept=800 wrong=0 left=0 unknown=0"));
            Assert.That(Number(result, "exact"), Is.GreaterThan(200), "numbers that had one bearer");
            Assert.That(Number(result, "nobody"), Is.Zero, "numbers of ended threads are there to be taken");
            // 1,343,488 where nobody inherits: each thread leaves some 100 entries. What is left are forks, one for each window.
            Assert.That(Number(result, "entries"), Is.LessThan(500_000));
        }
    }

    private static int Number(ChildResult result, string name) => int.Parse(result.Value(name), CultureInfo.InvariantCulture);
}
