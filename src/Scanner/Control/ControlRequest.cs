// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a command with its parameters, as text: one line each, first the command, then key=value.
// Who calls it: ControlConnection when a message is complete; the tool writes them.
// The one idea: only printable ASCII comes in, so that nothing a client sends can look like an address of a block.
using System.Text;

namespace NativeLeak.Control;

/// <summary>One command.</summary>
/// <param name="Command">As kmemleak has it: <c>scan</c>, <c>scan=off</c>, <c>who=7f00…</c>.</param>
internal sealed record ControlRequest(string Command)
{
    private const int MaximumParameters = 8;

    /// <summary>The commands, as help and errors list them.</summary>
    public const string Expected = "scan, clear, scan=on|off|<seconds>, stack=on|off, dump=<address>, who=<address>, "
        + "path=<address>, sites, status, ping or off";

    private static readonly string[] s_keys = ["format", "min_age", "max_leaks", "verbosity"];

    /// <summary>The parameters.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether the result is wanted as JSON rather than as text.</summary>
    public bool WantsJson => Parameters.GetValueOrDefault("format") == "json";

    /// <summary>The text of a message.</summary>
    public byte[] ToBytes()
    {
        StringBuilder text = new(Command);
        foreach ((string key, string value) in Parameters)
        {
            text.Append('\n').Append(key).Append('=').Append(value);
        }

        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>Reads the text of a message.</summary>
    /// <returns>The command, or null.</returns>
    public static ControlRequest? Parse(ReadOnlySpan<byte> text, out string error)
    {
        error = string.Empty;
        foreach (byte letter in text)
        {
            if (letter is not ((byte)'\n' or (>= 0x20 and < 0x7F)))
            {
                error = "a command is printable ASCII";
                return null;
            }
        }

        // The command stands on the first line or nowhere: what follows an empty one is no command that slipped down.
        string[] lines = Encoding.ASCII.GetString(text).TrimEnd('\n').Split('\n', StringSplitOptions.TrimEntries);
        if (lines[0].Length == 0 || lines.Length > MaximumParameters + 1)
        {
            error = "no command: " + Expected + " is expected";
            return null;
        }

        Dictionary<string, string> parameters = [];
        foreach (string line in lines.AsSpan(1))
        {
            string[] parts = line.Split('=', 2, StringSplitOptions.TrimEntries);
            if (parts.Length < 2 || Array.IndexOf(s_keys, parts[0]) < 0)
            {
                error = $"unknown parameter '{parts[0]}': {string.Join(", ", s_keys)} are known";
                return null;
            }

            parameters[parts[0]] = parts[1];
        }

        return new ControlRequest(lines[0]) { Parameters = parameters };
    }
}
