// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;

namespace NativeLeak.Cli.Processes;

/// <summary>The variables that switch the detector on, in the form that each place wants.</summary>
internal static class InjectionVariables
{
    /// <summary>The variable that names startup hooks.</summary>
    public const string Hooks = "DOTNET_STARTUP_HOOKS";

    /// <summary>The variable that switches the detector on.</summary>
    public const string Level = "NATIVELEAK";

    /// <summary>Where the hook lies in an image that follows the printed lines.</summary>
    private const string ImageFolder = "/opt/nativeleak";

    /// <summary>Those that <see cref="Write"/> knows.</summary>
    public static IReadOnlyList<string> Shells { get; } = ["bash", "pwsh", "docker", "k8s", "launchsettings"];

    /// <summary>The list of hooks with ours in front; one that is there already stays where it is.</summary>
    public static string WithHook(string? others, string hook)
        => string.IsNullOrEmpty(others) ? hook
            : others.Split(Path.PathSeparator).Contains(hook, StringComparer.Ordinal) ? others
            : hook + Path.PathSeparator + others;

    /// <summary>What to paste, or to evaluate.</summary>
    public static string Write(string shell, string hook, string level)
    {
        string folder = Path.GetDirectoryName(hook)!;
        string inImage = ImageFolder + "/" + Path.GetFileName(hook);
        return shell switch
        {
            "bash" => $"export {Hooks}={Quote(hook)}\"${{{Hooks}:+:${Hooks}}}\"\nexport {Level}={level}\n",
            "pwsh" => $"$env:{Hooks} = (@('{hook.Replace("'", "''", StringComparison.Ordinal)}', $env:{Hooks}) | Where-Object {{ $_ }})"
                + $" -join [IO.Path]::PathSeparator\n$env:{Level} = '{level}'\n",
            "docker" => $"# copied beside the Dockerfile before: cp -r {Quote(folder)} inject\nCOPY inject {ImageFolder}\n"
                + $"ENV {Hooks}={inImage}\nENV {Level}={level}\n",
            "k8s" => $"# the image has the files of {folder} in {ImageFolder}\nenv:\n- name: {Hooks}\n  value: {inImage}\n"
                + $"- name: {Level}\n  value: \"{level}\"\n- name: NATIVELEAK_LOG_PATH\n  value: /var/log/nativeleak-{{app}}-{{pid}}.txt\n",
            _ => $"\"environmentVariables\": {{\n  \"{Hooks}\": {Json(hook)},\n  \"{Level}\": {Json(level)}\n}}\n",
        };
    }

    private static string Quote(string text) => "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static string Json(string text)
    {
        StringBuilder result = new("\"");
        foreach (char letter in text)
        {
            result.Append(letter switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                < ' ' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}"),
                _ => letter.ToString(),
            });
        }

        return result.Append('"').ToString();
    }
}
