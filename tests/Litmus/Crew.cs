// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Litmus;

/// <summary>Threads that run until all are done; the first exception of any of them is thrown here.</summary>
internal static class Crew
{
    public static void Run(params Action[] bodies)
    {
        Exception? problem = null;
        Thread[] threads = [.. bodies.Select(body => new Thread(() =>
        {
            try
            {
                body();
            }
            catch (Exception caught)
            {
                // Handed to the thread that started us.
                Interlocked.CompareExchange(ref problem, caught, null);
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        if (problem is not null)
        {
            throw new InvalidOperationException("a thread of the race failed", problem);
        }
    }
}
