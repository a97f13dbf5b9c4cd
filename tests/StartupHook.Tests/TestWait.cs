// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.StartupHook.Tests;

/// <summary>Waits for what another process does.</summary>
internal static class TestWait
{
    // Far above what anything takes: it only turns a hang into a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    public static async Task ForAsync(Func<bool> isThere, string what)
    {
        DateTime limit = DateTime.UtcNow + s_patience;
        while (!isThere())
        {
            Assert.That(DateTime.UtcNow, Is.LessThan(limit), "waiting in vain: " + what);
            await Task.Delay(20);
        }
    }
}
