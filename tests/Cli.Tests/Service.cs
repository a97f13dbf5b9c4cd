// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Globalization;
using NativeLeak.Control;

namespace NativeLeak.Cli.Tests;

/// <summary>A running ServiceApp.</summary>
internal sealed class Service : IDisposable
{
    // Far above what anything takes: it only turns a hang into a failure.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly Task<string> _error;

    private Service(Process process)
    {
        _process = process;
        _error = process.StandardError.ReadToEndAsync();
        Assert.That(ReadLine(), Is.EqualTo($"ready {process.Id}"));
    }

    /// <summary>Its number.</summary>
    public int Id => _process.Id;

    /// <summary>Its number, as the tool takes it.</summary>
    public string Number => Id.ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The name that its channel has, or would have.</summary>
    public string SocketName => ControlName.Of(Id)!.Value.ToString();

    /// <summary>Starts it without the detector.</summary>
    public static Service Plain(params (string Name, string Value)[] variables)
        => new(Process.Start(Tool.Prepare("dotnet", ["exec", Artifacts.ServiceApp], variables))!);

    /// <summary>Starts it with the detector, which says nothing by itself, and waits for its channel.</summary>
    public static Service Watched(string options = "", params (string Name, string Value)[] variables)
    {
        Service service = Plain(
            [
                ("DOTNET_STARTUP_HOOKS", Artifacts.Hook), ("NATIVELEAK", "on"),
                ("NATIVELEAK_OPTIONS", "report_at=none,first_scan=off,min_age=0" + (options.Length > 0 ? "," + options : "")),
                .. variables,
            ]);
        return service;
    }

    /// <summary>Waits until its channel is there.</summary>
    public Service WithChannel()
    {
        Assert.That(SpinWait.SpinUntil(() => File.Exists(Path.Join("/tmp", SocketName)), s_patience), Is.True, "no control channel");
        return this;
    }

    /// <summary>Tells it something, and gives its answer.</summary>
    public string Tell(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
        return ReadLine();
    }

    /// <summary>Ends it, and gives what it left.</summary>
    public ToolResult End()
    {
        _process.StandardInput.Close();
        return WaitForEnd();
    }

    /// <summary>Sends a signal, and gives what it left.</summary>
    public ToolResult End(string signal)
    {
        using Process kill = Process.Start("kill", ["-" + signal, Number]);
        kill.WaitForExit();
        return WaitForEnd();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private ToolResult WaitForEnd()
    {
        Assert.That(_process.WaitForExit(s_patience), Is.True, "the service does not end");
        return new ToolResult(_process.ExitCode, _process.StandardOutput.ReadToEnd(), _error.GetAwaiter().GetResult());
    }

    private string ReadLine()
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        Assert.That(line.Wait(s_patience), Is.True, "the service does not answer");
        return line.Result ?? $"(it ended with {_process.ExitCode}: {_error.GetAwaiter().GetResult()})";
    }
}
