// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;

namespace NativeLeak.Reporting.Formats;

/// <summary>Writes call paths on one line each, outermost frame first, with the bytes that are lost behind: the input of
/// flamegraph.pl and of whatever reads the same.</summary>
internal static class FoldedWriter
{
    /// <summary>The report as lines, most bytes first within a kind; nothing when nothing is lost.</summary>
    public static string Write(LeakReport report)
    {
        StringBuilder text = new();
        foreach (LeakGroup group in report.Leaks)
        {
            foreach (LeakFrame frame in group.Stack.Reverse())
            {
                text.Append(Clean(frame.Method)).Append(';');
            }

            text.Append(Clean(group.Allocator)).Append(" [").Append(group.Kind.ToString().ToLowerInvariant()).Append("] ")
                .Append(group.Total.Bytes.ToString(CultureInfo.InvariantCulture)).Append('\n');
        }

        return text.ToString();
    }

    // The format knows no escapes: a semicolon is the next frame, a line feed the next path.
    private static string Clean(string name) => TerminalText.Escape(name).Replace(';', ',');
}
