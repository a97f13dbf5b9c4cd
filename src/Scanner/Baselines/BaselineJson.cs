// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Baselines;

/// <summary>Writes the properties <c>baseline</c> of a JSON report and of its leaks.</summary>
internal static class BaselineJson
{
    /// <summary>The names of the states, in JSON and in texts.</summary>
    public static string NameOf(BaselineState state) => state.ToString().ToLowerInvariant();

    /// <summary>That of a report.</summary>
    public static void Write(Utf8JsonWriter json, BaselineSummary? summary)
    {
        if (summary is null)
        {
            json.WriteNull("baseline");
            return;
        }

        json.WriteStartObject("baseline");
        json.WriteString("source", summary.Source);
        Write(json, "new", summary.New);
        Write(json, "grown", summary.Grown);
        Write(json, "known", summary.Known);
        Write(json, "gone", summary.Gone);
        json.WriteEndObject();
    }

    /// <summary>That of a leak.</summary>
    public static void Write(Utf8JsonWriter json, BaselineMatch? match)
    {
        if (match is null)
        {
            json.WriteNull("baseline");
            return;
        }

        json.WriteStartObject("baseline");
        json.WriteString("state", NameOf(match.State));
        json.WriteNumber("blocks", match.Was.Blocks);
        json.WriteNumber("bytes", match.Was.Bytes);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, BaselineTotal total)
    {
        json.WriteStartObject(name);
        json.WriteNumber("sites", total.Sites);
        json.WriteNumber("definiteSites", total.DefiniteSites);
        json.WriteNumber("blocks", total.Total.Blocks);
        json.WriteNumber("bytes", total.Total.Bytes);
        json.WriteEndObject();
    }
}
