// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;

namespace NativeLeak.Options;

/// <summary>The text of help=1: every key, its default, its current value, and where that came from.</summary>
internal static class OptionHelp
{
    /// <summary>Writes the help.</summary>
    public static string Write(OptionSet set)
    {
        StringBuilder text = new();
        text.AppendLine("NativeLeak options: NATIVELEAK_OPTIONS=key=value[,key=value...] or NATIVELEAK_<KEY>=value");
        text.Append("level: NATIVELEAK=").AppendJoin('|', Enum.GetNames<DetectorLevel>().Select(static name => name.ToLowerInvariant()))
            .Append(", now ").AppendLine(set.Level.ToString().ToLowerInvariant());
        foreach (OptionDefinition row in OptionTable.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {row.Name} ({row.Unit})").AppendLine();
            text.Append("      ").AppendLine(row.Help);
            text.Append("      default ").Append(Shown(row.Default)).Append(", now ").Append(Shown(set.Get(row.Key)))
                .Append(CultureInfo.InvariantCulture, $" ({Describe(row, set)})").AppendLine();
        }

        return text.ToString();
    }

    private static string Shown(object value) => OptionText.Format(value) is { Length: > 0 } text ? text : "(empty)";

    private static string Describe(OptionDefinition row, OptionSet set) => set.GetOrigin(row.Key) switch
    {
        OptionOrigin.Level => "of level " + set.Level.ToString().ToLowerInvariant(),
        OptionOrigin.RuntimeConfig => "from runtimeconfig.json",
        OptionOrigin.OptionsVariable => "from " + OptionTable.OptionsVariable,
        OptionOrigin.KeyVariable => "from " + row.VariableName,
        OptionOrigin.Code => "from code",
        _ => "default",
    };
}
