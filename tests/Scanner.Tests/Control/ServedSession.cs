// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Control;
using NativeLeak.ExitApps;
using NativeLeak.Options;
using NativeLeak.Scheduling;

namespace NativeLeak.Scanner.Tests.Control;

/// <summary>A detector with a fabricated scan, and its control channel in a folder of its own.</summary>
internal sealed class ServedSession : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("nl-");

    public ServedSession(ILeakScan scan, ControlLimits? limits = null, FakeFacts? facts = null)
    {
        Options.FakeOptionSource source = new();
        source.Variables["NATIVELEAK_OPTIONS"] = "first_scan=off,report_at=none";
        Session = new DetectorSession(new LeakDetectorOptions(source.Read()), facts ?? new FakeFacts(), () => scan, TimeSpan.FromMinutes(1));
        Session.Start();
        Server = ControlServer.TryOpen(
            new ControlCommands(Session).Execute, () => IsStopped.Set(), limits, [_folder.FullName])!;
        Assert.That(Server, Is.Not.Null);
    }

    public DetectorSession Session { get; }

    public ControlServer Server { get; }

    public ManualResetEventSlim IsStopped { get; } = new();

    public string Folder => _folder.FullName;

    public RawClient Connect() => new(Server.Path);

    /// <summary>Asks one thing on a connection of its own.</summary>
    public (FrameKind Kind, string Text) Ask(string command)
    {
        using RawClient client = Connect();
        return client.Ask(command).Answer();
    }

    public void Dispose()
    {
        Server.Stop();
        Assert.That(Server.Thread!.Join(TimeSpan.FromSeconds(30)), Is.True, "the server does not end");
        Session.Dispose();
        _folder.Delete(recursive: true);
    }
}
