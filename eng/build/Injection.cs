// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;

namespace NativeLeak.Build;

/// <summary>The variables that switch NativeLeak on for another program.</summary>
internal static class Injection
{
    private const string HooksVariable = "DOTNET_STARTUP_HOOKS";
    private const string ModeVariable = "NATIVELEAK";

    /// <summary>Adds the variables to a process about to start; other startup hooks and a chosen mode are kept.</summary>
    public static void Apply(ProcessStartInfo start)
    {
        string? others = Environment.GetEnvironmentVariable(HooksVariable);
        start.Environment[HooksVariable] = others switch
        {
            null or "" => Repository.StartupHook,
            _ when HasOurs(others) => others,
            _ => Repository.StartupHook + Path.PathSeparator + others,
        };
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(ModeVariable)))
        {
            start.Environment[ModeVariable] = "on";
        }
    }

    /// <summary>The lines a shell evaluates to the same effect.</summary>
    /// <exception cref="UsageException">The shell is not one of those known.</exception>
    public static string Export(string shell)
    {
        string hook = Repository.StartupHook;
        return shell switch
        {
            "bash" => $$$"""
                export {{{HooksVariable}}}='{{{hook.Replace("'", "'\\''", StringComparison.Ordinal)}}}'"${{{{HooksVariable}}}:+:${{{HooksVariable}}}}"
                export {{{ModeVariable}}}=on
                """,
            "pwsh" => $$"""
                $env:{{HooksVariable}} = (@('{{hook.Replace("'", "''", StringComparison.Ordinal)}}', $env:{{HooksVariable}}) | Where-Object { $_ }) -join [IO.Path]::PathSeparator
                $env:{{ModeVariable}} = 'on'
                """,
            _ => throw new UsageException($"unknown shell '{shell}' (bash, pwsh)"),
        };
    }

    private static bool HasOurs(string hooks)
        => hooks.Split(Path.PathSeparator).Contains(Repository.StartupHook, StringComparer.Ordinal);
}
