// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;

namespace NativeLeak.Cli.Terminals;

/// <summary>Where results go: standard output, or the file of the option <c>-o</c>.</summary>
internal static class Result
{
    /// <summary>Writes a result as it is.</summary>
    /// <param name="content">UTF-8.</param>
    /// <param name="path">The file; null: standard output.</param>
    /// <exception cref="ToolException">The file cannot be written.</exception>
    public static void Write(ReadOnlySpan<byte> content, string? path)
    {
        if (path is null)
        {
            using Stream output = Console.OpenStandardOutput();
            try
            {
                output.Write(content);
            }
            catch (IOException)
            {
                // Whoever read it has enough: head, less.
            }

            return;
        }

        try
        {
            File.WriteAllBytes(path, content);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new ToolException($"{path} cannot be written: {problem.Message}");
        }
    }

    /// <summary>Writes a text.</summary>
    public static void Write(string text, string? path) => Write(Encoding.UTF8.GetBytes(text), path);
}
