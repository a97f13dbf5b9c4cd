// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Reporting;

/// <summary>The properties of a JSON report that depend on the level. All are additions to schema 1.</summary>
internal static class LevelJson
{
    /// <summary>Writes <c>tracker</c>.</summary>
    public static void WriteTracker(Utf8JsonWriter json, ReportedTracker tracker)
    {
        json.WriteStartObject("tracker");
        json.WriteString("level", LevelText.Name(tracker.Level));
        WriteOrNull(json, "sampleIntervalBytes", tracker.SampleIntervalBytes);
        json.WriteNumber("memoryBytes", tracker.MemoryBytes);
        WriteOrNull(json, "memoryLimitBytes", tracker.MemoryLimitBytes);
        json.WriteNumber("recordedBlocks", tracker.RecordedBlocks);
        json.WriteNumber("freedBlocks", tracker.FreedBlocks);
        json.WriteNumber("unknownFrees", tracker.UnknownFrees);
        json.WriteNumber("missedBlocks", tracker.MissedBlocks);
        if (tracker.EndedAt is { } endedAt)
        {
            json.WriteString("endedAt", endedAt);
        }
        else
        {
            json.WriteNull("endedAt");
        }

        json.WriteEndObject();
    }

    /// <summary>Writes <c>estimates</c>: null unless blocks were sampled.</summary>
    public static void WriteEstimates(Utf8JsonWriter json, ReportEstimates? estimates)
    {
        if (estimates is null)
        {
            json.WriteNull("estimates");
            return;
        }

        json.WriteStartObject("estimates");
        WriteEstimate(json, "live", estimates.Live);
        WriteEstimate(json, "reachable", estimates.Reachable);
        WriteEstimate(json, "definite", estimates.Definite);
        WriteEstimate(json, "indirect", estimates.Indirect);
        WriteEstimate(json, "possible", estimates.Possible);
        WriteEstimate(json, "young", estimates.Young);
        json.WriteEndObject();
    }

    /// <summary>Writes one estimate; null when there is none.</summary>
    public static void WriteEstimate(Utf8JsonWriter json, string name, BlockEstimate? estimate)
    {
        if (estimate is not { } value)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteNumber("blocks", Math.Round(value.Blocks, 1));
        json.WriteNumber("blocksError", Math.Round(value.BlocksError, 1));
        json.WriteNumber("bytes", Math.Round(value.Bytes, 1));
        json.WriteNumber("bytesError", Math.Round(value.BytesError, 1));
        json.WriteEndObject();
    }

    private static void WriteOrNull(Utf8JsonWriter json, string name, long value)
    {
        if (value == 0)
        {
            json.WriteNull(name);
        }
        else
        {
            json.WriteNumber(name, value);
        }
    }
}
