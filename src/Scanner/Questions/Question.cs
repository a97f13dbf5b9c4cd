// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Questions;

/// <summary>What is asked about an address.</summary>
internal enum QuestionKind
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Who points at it, at its block's start or inside (Valgrind's who_points_at).</summary>
    Who = 1,

    /// <summary>Its block's record, verdict and bytes (kmemleak's dump=).</summary>
    Dump = 2,

    /// <summary>By which pointers a root leads to it.</summary>
    Path = 3,
}

/// <summary>A question: the commands <c>who=</c>, <c>dump=</c> and <c>path=</c>, each with an address.</summary>
/// <param name="Kind">What is asked.</param>
/// <param name="Complement">The address, complemented: a question in memory must not keep its block alive.</param>
internal readonly record struct Question(QuestionKind Kind, nuint Complement)
{
    private static readonly string[] s_commands = ["", "who", "dump", "path"];

    /// <summary>Reads a command such as <c>who=0x7f0012345678</c>. Addresses are hexadecimal.</summary>
    /// <returns>False when it is none; <paramref name="error"/> then says what is expected.</returns>
    public static bool TryParse(string command, out Question question, out string error)
    {
        question = default;
        string[] parts = command.Split('=', 2, StringSplitOptions.TrimEntries);
        int kind = Array.IndexOf(s_commands, parts[0].ToLowerInvariant());
        if (kind <= 0 || parts.Length < 2)
        {
            error = $"unknown command '{command}': who=<address>, dump=<address> or path=<address> is expected";
            return false;
        }

        string digits = parts[1].StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? parts[1][2..] : parts[1];
        if (!nuint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out nuint address) || address == 0)
        {
            error = $"'{parts[1]}' is no address: hexadecimal digits are expected";
            return false;
        }

        (question, error) = (new Question((QuestionKind)kind, ~address), string.Empty);
        return true;
    }

    /// <summary>The command without its address: <c>who</c>.</summary>
    public string Command => s_commands[(int)Kind];
}
