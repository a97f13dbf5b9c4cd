// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the process's end of the control channel: a socket with a name, and the one thread that serves it.
// Who calls it: the scanner thread opens it when a program has been up for a while; DetectorSession and the ends of the
// process close it.
// The one idea: one thread, one wait, and bounds for everything: connections, bytes, time. It uses neither the
// application's pool nor its heap of unmanaged memory, and what comes in lies where no scan reads.
// Safety: entries and buffers lie in pages that are released by this thread alone, after its last use.
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Control;

/// <summary>Serves the control channel.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class ControlServer
{
    private const string ProcessLatch = "NativeLeak.ControlChannelOwner";
    private const int Backlog = 16, StackByteCount = 512 * 1024;

    // While a scan is waited for: soon enough for whoever waits, rare enough for the processor.
    private const int WaitingMilliseconds = 25;
    private const int FullMilliseconds = 100;
    private const int ScrubbedByteCount = 16 * 1024;

    // Names that nobody needs are looked for when the program has been up for a while: a short one does not pay for it.
    private const int CleaningMilliseconds = 5000;

    private static string? s_name;
    private static bool s_hearsOfExit;

    private readonly LocalSocket _listener;
    private readonly ControlLimits _limits;
    private readonly Func<ControlRequest, ControlReply> _execute;
    private readonly Action _stopDetector;
    private readonly ControlConnection?[] _connections;
    private readonly nuint _pages;
    private readonly nuint _pagesByteCount;
    private readonly string _directory;
    private readonly long _openedAt = Environment.TickCount64;
    private int _isNameRemoved;
    private bool _isFull, _hasCleaned;
    private volatile bool _isStopping;

    private ControlServer(
        LocalSocket listener, string directory, string path, nuint pages, nuint pagesByteCount, ControlLimits limits,
        Func<ControlRequest, ControlReply> execute, Action stopDetector)
    {
        (_listener, _directory, Path, _pages, _pagesByteCount) = (listener, directory, path, pages, pagesByteCount);
        (_limits, _execute, _stopDetector) = (limits, execute, stopDetector);
        _connections = new ControlConnection?[limits.MaximumConnections];
    }

    /// <summary>The socket's name.</summary>
    public string Path { get; }

    /// <summary>The thread that serves; ended threads of tests are waited for by it.</summary>
    internal Thread? Thread { get; private set; }

    /// <summary>Opens the channel of this process in the first directory that takes it.</summary>
    /// <param name="execute">Executes a command, on the server's thread; must not wait.</param>
    /// <param name="stopDetector">Called after the answer to <c>off</c>.</param>
    /// <param name="limits">What clients may do; null: the usual.</param>
    /// <param name="directories">Where; null: where the runtime has its own sockets.</param>
    /// <returns>The server, or null: no directory takes it, there is no memory, or another copy of NativeLeak in this process
    /// has one. Never throws for what the system refuses.</returns>
    public static ControlServer? TryOpen(
        Func<ControlRequest, ControlReply> execute, Action stopDetector, ControlLimits? limits = null, string[]? directories = null)
    {
        if (!TryClaimProcess() || !MappingHeadroom.IsThere() || !ControlName.TryFindOwn(out ControlName name))
        {
            return null;
        }

        if (!s_hearsOfExit)
        {
            s_hearsOfExit = true;
            AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        }

        limits ??= new ControlLimits();
        nuint byteCount = (nuint)(((limits.MaximumConnections + 1) * sizeof(PollEntry))
            + (limits.MaximumConnections * ControlConnection.BufferByteCount));
        byteCount = (byteCount + Platform.Pages.PageByteCount - 1) & ~(Platform.Pages.PageByteCount - 1);
        nuint pages = Platform.Pages.AllocatePrivate(byteCount);
        if (pages == 0)
        {
            return null;
        }

        foreach (string directory in directories ?? ControlName.Directories(Environment.GetEnvironmentVariable("TMPDIR")))
        {
            string path = System.IO.Path.Join(directory, name.ToString());
            // Order: before the name exists; pairs with the read in OnProcessExit.
            Volatile.Write(ref s_name, path);
            LocalSocket? listener = LocalSocket.TryListen(path, Backlog, out int error);
            if (error == ErrorNumber.EADDRINUSE && LocalSocket.Remove(path) == 0)
            {
                // The name is this very process's: what bears it was left by a program that it was before (exec).
                listener = LocalSocket.TryListen(path, Backlog, out error);
            }

            if (listener is not null)
            {
                return Start(new ControlServer(listener, directory, path, pages, byteCount, limits, execute, stopDetector));
            }
        }

        Platform.Pages.Release(pages, byteCount);
        return null;
    }

    /// <summary>Closes the channel, soon. Does not wait. From any thread, any number of times.</summary>
    public void Stop()
    {
        _isStopping = true;
        RemoveName();
        _listener.Shutdown();
    }

    /// <summary>Takes the name away: the process ends. From any thread, any number of times.</summary>
    public void RemoveName()
    {
        // Order: full fence; of several ends of a process one removes the name, once: it may be another's later.
        if (Interlocked.Exchange(ref _isNameRemoved, 1) == 0)
        {
            LocalSocket.Remove(Path);
        }
    }

    private static ControlServer? Start(ControlServer server)
    {
        try
        {
            server.Thread = new Thread(server.Run, StackByteCount) { IsBackground = true, Name = "NativeLeak control" };
            server.Thread.UnsafeStart();
            return server;
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            // No thread: then there is no channel.
            server.RemoveName();
            server._listener.Close();
            Platform.Pages.Release(server._pages, server._pagesByteCount);
            return null;
        }
    }

    // Two copies of NativeLeak in one process have one name between them.
    private static bool TryClaimProcess()
    {
        AppContext.SetData(ProcessLatch, AppContext.GetData(ProcessLatch) ?? typeof(ControlServer));
        return ReferenceEquals(AppContext.GetData(ProcessLatch), typeof(ControlServer));
    }

    // By the name alone, which is this process's for ever: it may end while its channel opens.
    private static void OnProcessExit(object? sender, EventArgs arguments)
    {
        // Order: acquire; pairs with the write in TryOpen.
        if (Volatile.Read(ref s_name) is { } name)
        {
            LocalSocket.Remove(name);
        }
    }

    private void Run()
    {
        // What this thread allocates is the detector's.
        using DetectorThread.Scope scope = DetectorThread.Enter();
        try
        {
            while (!_isStopping)
            {
                Turn();
            }
        }
        catch (Exception)
        {
            // The border of the detector: a channel that failed is a channel less.
        }
        finally
        {
            End();
        }
    }

    private void Turn()
    {
        PollEntry* entries = (PollEntry*)_pages;
        int count = _connections.Length + 1;
        long now = Environment.TickCount64;
        entries[0] = new PollEntry { Descriptor = _isFull ? -1 : (int)_listener.Descriptor, Wanted = LocalSocket.PollIn };
        for (int i = 1; i < count; i++)
        {
            entries[i] = _connections[i - 1] is { } open
                ? new PollEntry { Descriptor = open.Descriptor, Wanted = open.Wanted }
                : new PollEntry { Descriptor = -1 };
        }

        int ready = LocalSocket.Poll(entries, count, TimeToWait(now));
        if (ready < 0)
        {
            _isStopping = true;
            return;
        }

        if (ready == 0 && !_hasCleaned && Environment.TickCount64 - _openedAt >= CleaningMilliseconds)
        {
            _hasCleaned = true;
            StaleNames.Remove(_directory);
        }

        now = Environment.TickCount64;
        for (int i = 1; i < count; i++)
        {
            if (_connections[i - 1] is { } open && !TryStep(open, entries[i].Came, now))
            {
                open.Close();
                _connections[i - 1] = null;
                _isStopping |= open.StopsDetector;
                if (open.StopsDetector)
                {
                    _stopDetector();
                }
            }
        }

        Scrub();
        _isFull = false;
        if ((entries[0].Came & LocalSocket.PollIn) != 0)
        {
            Accept(now);
        }
        else if (entries[0].Came != 0)
        {
            _isStopping = true;
        }
    }

    // An address in a command passed through frames below this one; the wait that comes next would lie over their remains.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Scrub()
    {
        byte* below = stackalloc byte[ScrubbedByteCount];
        new Span<byte>(below, ScrubbedByteCount).Clear();
    }

    private bool TryStep(ControlConnection open, short came, long now)
    {
        try
        {
            open.Step(came, now, _execute);
            return !open.IsOver;
        }
        catch (Exception)
        {
            // An error of ours costs the client its connection, nobody anything else.
            return false;
        }
    }

    private int TimeToWait(long now)
    {
        long wait = _isFull ? FullMilliseconds : _hasCleaned ? long.MaxValue : Math.Max(_openedAt + CleaningMilliseconds - now, 1);
        foreach (ControlConnection? open in _connections)
        {
            if (open is not null)
            {
                wait = Math.Min(wait, open.Waits ? WaitingMilliseconds : Math.Max(open.Remaining(now), 1));
            }
        }

        return wait == long.MaxValue ? -1 : (int)Math.Min(wait, int.MaxValue);
    }

    private void Accept(long now)
    {
        LocalSocket? socket = _listener.TryAccept(out int error);
        if (socket is null)
        {
            // Out of descriptors, say: the connection waits, and so do we.
            _isFull = error is not (0 or ErrorNumber.EAGAIN);
            _isStopping |= !_listener.IsIntact;
            return;
        }

        int place = socket.IsPeerTrusted() ? FindPlace() : -1;
        if (place < 0)
        {
            socket.Close();
            return;
        }

        nuint buffer = _pages + (nuint)(((_connections.Length + 1) * sizeof(PollEntry)) + (place * ControlConnection.BufferByteCount));
        _connections[place] = new ControlConnection(socket, buffer, _limits, now);
    }

    // A free place, or that of the client that has been silent for longest: whoever comes and says something is served.
    private int FindPlace()
    {
        int oldest = -1;
        for (int i = 0; i < _connections.Length; i++)
        {
            if (_connections[i] is not { } open)
            {
                return i;
            }

            if (open.IsIdle && (oldest < 0 || open.Since < _connections[oldest]!.Since))
            {
                oldest = i;
            }
        }

        if (oldest >= 0)
        {
            _connections[oldest]!.Close();
            _connections[oldest] = null;
        }

        return oldest;
    }

    private void End()
    {
        RemoveName();
        foreach (ControlConnection? open in _connections)
        {
            open?.Close();
        }

        _listener.Close();
        Platform.Pages.Release(_pages, _pagesByteCount);
    }
}
