// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Reports;

/// <summary>Reads the parts of a report that come in lists, and what depends on the level.</summary>
internal static class GroupReader
{
    /// <summary>An element of <c>leaks</c>.</summary>
    public static LeakGroup ReadGroup(JsonPlace node) => new()
    {
        Fingerprint = node.Required("fingerprint").Text(),
        Kind = node.Required("kind").Word(LeakKind.Definite),
        Total = ReadTotal(node),
        Indirect = new BlockTotal(node["indirectBlocks"].Count(), node["indirectBytes"].Count()),
        Allocator = node["allocator"].Text(),
        Tag = node["tag"].TextOrNull(),
        FirstAge = node["firstAgeSeconds"].Time(1),
        LastAge = node["lastAgeSeconds"].Time(1),
        Threads = node["threads"].Map(static item => item.Text()),
        Stack = ReadStack(node["stack"]),
        Samples = node["samples"].Map(static item => new LeakSample(
            item["address"].Address(), item["size"].Count(), item["ordinal"].Count(), item["hex"].Hex())),
        Evidence = node["evidence"].Text(),
        HeldBy = ReadHolder(node["heldBy"]),
        LastHolder = node["lastHolder"] is { IsThere: true } last && ReadHolder(last["holder"]) is { } holder
            ? new LastHolder(holder, last["seenByScan"].SmallCount(), last["missedByScan"].SmallCount(), last["blocks"].Count())
            : null,
        Estimate = ReadEstimate(node["estimate"]),
        Baseline = node["baseline"] is { IsThere: true } match
            ? new BaselineMatch(match.Required("state").Word(BaselineState.New), ReadTotal(match))
            : null,
    };

    /// <summary>The property <c>baseline</c> of a report.</summary>
    public static BaselineSummary? ReadBaseline(JsonPlace node) => !node.IsThere ? null : new(
        node["source"].Text(), ReadSites(node["new"]), ReadSites(node["grown"]), ReadSites(node["known"]), ReadSites(node["gone"]));

    /// <summary>An element of <c>stillAllocated</c>.</summary>
    public static AllocatedGroup ReadAllocated(JsonPlace node) => new()
    {
        Fingerprint = node.Required("fingerprint").Text(),
        Total = ReadTotal(node),
        Allocator = node["allocator"].Text(),
        Stack = ReadStack(node["stack"]),
    };

    /// <summary>An element of <c>misuse</c>.</summary>
    public static MisuseGroup ReadMisuse(JsonPlace node) => new()
    {
        Kind = node.Required("kind").Word(MisuseKind.InvalidFree),
        Count = node["count"].Count(),
        Address = node["address"].Address(),
        Allocator = node["allocator"].TextOrNull(),
        FreedWith = node["freedWith"].TextOrNull(),
        Explanation = node["explanation"].Text(),
        Stack = ReadStack(node["stack"]),
        AllocationStack = ReadStack(node["allocationStack"]),
        FirstFreeStack = ReadStack(node["firstFreeStack"]),
    };

    /// <summary>The property <c>tracker</c>.</summary>
    public static ReportedTracker ReadTracker(JsonPlace node) => !node.IsThere ? new ReportedTracker() : new()
    {
        Level = node["level"].Word(DetectorLevel.On),
        SampleIntervalBytes = node["sampleIntervalBytes"].Count(),
        MemoryBytes = node["memoryBytes"].Count(),
        MemoryLimitBytes = node["memoryLimitBytes"].Count(),
        RecordedBlocks = node["recordedBlocks"].Count(),
        FreedBlocks = node["freedBlocks"].Count(),
        UnknownFrees = node["unknownFrees"].Count(),
        MissedBlocks = node["missedBlocks"].Count(),
        EndedAt = node["endedAt"].MomentOrNull(),
    };

    /// <summary>The property <c>estimates</c>.</summary>
    public static ReportEstimates? ReadEstimates(JsonPlace node) => !node.IsThere ? null : new()
    {
        Live = ReadEstimate(node["live"]) ?? default,
        Reachable = ReadEstimate(node["reachable"]) ?? default,
        Definite = ReadEstimate(node["definite"]) ?? default,
        Indirect = ReadEstimate(node["indirect"]) ?? default,
        Possible = ReadEstimate(node["possible"]) ?? default,
        Young = ReadEstimate(node["young"]) ?? default,
    };

    /// <summary>The properties <c>blocks</c> and <c>bytes</c>.</summary>
    public static BlockTotal ReadTotal(JsonPlace node) => new(node["blocks"].Count(), node["bytes"].Count());

    private static BaselineTotal ReadSites(JsonPlace node)
        => node.IsThere ? new BaselineTotal(node["sites"].Count(), node["definiteSites"].Count(), ReadTotal(node)) : default;

    private static BlockEstimate? ReadEstimate(JsonPlace node) => !node.IsThere ? null
        : new BlockEstimate(node["blocks"].Number(), node["blocksError"].Number(), node["bytes"].Number(), node["bytesError"].Number());

    private static LeakHolder? ReadHolder(JsonPlace node) => node.IsThere ? new LeakHolder(node["place"].Text(), node["description"].Text()) : null;

    private static List<LeakFrame> ReadStack(JsonPlace node) => node.Map(static item => new LeakFrame(
        item.Required("method").Text(),
        item["assembly"].TextOrNull(),
        item["file"].TextOrNull(),
        item["line"].SmallCount(),
        item["native"].Flag(),
        // Reports from before this property: by the name of the assembly.
        item["framework"].Flag(otherwise: Reporting.FrameworkCode.OwnsName(item["assembly"].TextOrNull()))));
}
