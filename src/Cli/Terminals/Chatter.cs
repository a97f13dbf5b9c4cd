// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Terminals;

/// <summary>What the tool says beside its results: on standard error, free of control characters of others.</summary>
internal static class Chatter
{
    private const string Prefix = "nativeleak: ";

    /// <summary>One sentence on a line of its own.</summary>
    public static void Say(string sentence)
    {
        ClearProgress();
        Console.Error.WriteLine(Prefix + TerminalText.Escape(sentence));
    }

    /// <summary>What takes so long: on a terminal a line that is written over, else nothing.</summary>
    public static void Progress(string sentence)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write("\r" + Prefix + TerminalText.Escape(sentence) + "  ");
            s_isInProgress = true;
        }
    }

    /// <summary>Ends the line of <see cref="Progress"/>.</summary>
    public static void ClearProgress()
    {
        if (s_isInProgress)
        {
            s_isInProgress = false;
            Console.Error.WriteLine();
        }
    }

    private static bool s_isInProgress;
}
