// Licensed under the MIT License. See LICENSE in the repository root.
namespace HostedApp;

/// <summary>Loses memory until somebody kills it.</summary>
internal static class Growth
{
    private const int BlockByteCount = 64 << 10;

    /// <summary>Loses so much, says so, and waits.</summary>
    public static void Run(int megabytes)
    {
        for (int i = 0; i < megabytes * (1 << 20) / BlockByteCount; i++)
        {
            Leaks.Lose(BlockByteCount);
        }

        Console.WriteLine("grown");
        Thread.Sleep(Timeout.Infinite);
    }
}
