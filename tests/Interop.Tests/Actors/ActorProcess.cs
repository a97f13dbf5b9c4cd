// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;

namespace NativeLeak.Interop.Tests.Actors;

/// <summary>How a process that played an actor ended.</summary>
internal sealed record ActorEnding(int ExitCode, string Output, string Errors)
{
    public override string ToString() => $"exit code {ExitCode}\n{Output}\n{Errors}";
}

/// <summary>
/// Plays a static method marked <see cref="ActorAttribute"/> in a process of its own: for what must not happen in the process that
/// runs the tests (crashes, seccomp filters, replaced handlers).
/// </summary>
internal static class ActorProcess
{
    public const string Switch = "--actor";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    /// <summary>Starts the test executable again as the actor and waits for its end.</summary>
    public static ActorEnding Run(string actor, params string[] arguments)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        }

        start.ArgumentList.Add(Switch);
        start.ArgumentList.Add(actor);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // An actor that is meant to crash must not spend time on a dump.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_limit))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            Assert.Fail($"actor {actor} did not end within {s_limit}: {output.Result} {errors.Result}");
        }

        return new ActorEnding(process.ExitCode, output.Result, errors.Result);
    }

    /// <summary>Plays an actor in this process; the result is the exit code.</summary>
    public static int Play(string actor, string[] arguments)
    {
        MethodInfo method = Assembly.GetExecutingAssembly().GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public))
            .Single(candidate => candidate.GetCustomAttribute<ActorAttribute>()?.Name == actor);
        return (int)method.Invoke(null, [arguments])!;
    }
}
