// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.IO.Pipes;
using System.Net;
using System.Net.Sockets;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Calls that wait in the kernel while snapshots interrupt them again and again, and must not notice.</summary>
internal sealed unsafe class InterruptedCallTests
{
    private const int Snapshots = 40;

    // The runtime measures its waits by the kernel's coarse clock: they may end one tick (up to 10 ms) early by themselves.
    private const int TickMilliseconds = 20;

    [Test]
    public void A_sleep_is_not_cut_short() => WhileSnapshotsAreTaken(() =>
    {
        Stopwatch watch = Stopwatch.StartNew();
        Thread.Sleep(500);
        return watch.ElapsedMilliseconds >= 500 - TickMilliseconds;
    });

    [Test]
    public void A_wait_with_a_limit_neither_ends_early_nor_misses_its_signal() => WhileSnapshotsAreTaken(() =>
    {
        using SemaphoreSlim semaphore = new(0);
        Stopwatch watch = Stopwatch.StartNew();
        bool early = semaphore.Wait(300) || watch.ElapsedMilliseconds < 300 - TickMilliseconds;
        using Timer timer = new(_ => semaphore.Release(), null, 200, Timeout.Infinite);
        return !early && semaphore.Wait(60_000);
    });

    [Test]
    public void A_read_from_a_pipe_gets_every_byte() => WhileSnapshotsAreTaken(() =>
    {
        using AnonymousPipeServerStream server = new(PipeDirection.In);
        using AnonymousPipeClientStream client = new(PipeDirection.Out, server.GetClientHandleAsString());
        using Timer timer = new(_ => client.Write([1, 2, 3]), null, 300, Timeout.Infinite);
        byte[] bytes = new byte[3];
        server.ReadExactly(bytes);
        return bytes is [1, 2, 3];
    });

    [Test]
    public void A_socket_gets_every_byte() => WhileSnapshotsAreTaken(() =>
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using TcpClient client = new();
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        using TcpClient server = listener.AcceptTcpClient();
        using Timer timer = new(_ => server.GetStream().Write([4, 5, 6]), null, 300, Timeout.Infinite);
        byte[] bytes = new byte[3];
        client.GetStream().ReadExactly(bytes);
        return bytes is [4, 5, 6];
    });

    [Test]
    public void A_process_is_waited_for_to_its_end() => WhileSnapshotsAreTaken(() =>
    {
        using Process process = Process.Start("/bin/sleep", "0.4");
        process.WaitForExit();
        return process.ExitCode == 0;
    });

    [Test]
    public void A_monitor_wait_without_limit_ends_by_its_pulse() => WhileSnapshotsAreTaken(() =>
    {
        object gate = new();
        bool pulsed = false;
        using Timer timer = new(
            _ =>
            {
                lock (gate)
                {
                    pulsed = true;
                    Monitor.Pulse(gate);
                }
            },
            null,
            300,
            Timeout.Infinite);
        lock (gate)
        {
            while (!pulsed)
            {
                Monitor.Wait(gate);
            }
        }

        return true;
    });

    private static void WhileSnapshotsAreTaken(Func<bool> call)
    {
        using SnapshotProbe probe = new();
        Task<bool> waiting = Task.Factory.StartNew(
            call, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        for (int i = 0; i < Snapshots || !waiting.IsCompleted; i++)
        {
            Assert.That(SnapshotProbe.Take(probe.Request(&ProbeChild.Nothing)).Status, Is.EqualTo(SnapshotStatus.Completed));
            Assert.That(i, Is.LessThan(100_000), "the call never ended");
        }

        Assert.That(waiting.Result, Is.True);
    }
}
