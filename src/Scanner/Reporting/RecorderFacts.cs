// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Annotations;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>The facts of this process, as the recorder and the hook know them.</summary>
/// <param name="tier">How allocations are seen.</param>
/// <param name="detail">What the hook says about that.</param>
/// <param name="level">The level in force.</param>
internal sealed class RecorderFacts(InterceptionTier tier, string detail, DetectorLevel level) : IReportFacts
{
    private const string NativeCode = "memory that native libraries allocate for themselves";

    // Readers hold a guard for microseconds; a walk over all records for milliseconds.
    private static readonly TimeSpan s_stalled = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Tier => tier switch
    {
        InterceptionTier.Exports => "runtime hook (exports)",
        InterceptionTier.GlobalOffsetTable => "runtime hook (import slots)",
        _ when CallSites.Any => "interceptors",
        _ => "explicit API only",
    };

    /// <inheritdoc/>
    public IReadOnlyList<string> Unseen => tier switch
    {
        InterceptionTier.Exports or InterceptionTier.GlobalOffsetTable =>
            [NativeCode, "blocks allocated before the detector started"],
        _ when CallSites.Any =>
            [
                "calls in other packages, in .NET itself and in code that generators wrote",
                "calls through delegates, function pointers and reflection",
                NativeCode,
            ],
        _ => ["every allocation that does not go through TrackedMemory or TrackedMarshal", NativeCode],
    };

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            List<string> warnings = [];
            AllocationRecorder.EndIfFull();
            if (tier is InterceptionTier.None or InterceptionTier.ExplicitApiOnly)
            {
                warnings.Add("the runtime is not hooked: " + detail);
                if (!TrackingSwitch.IsOn)
                {
                    warnings.Add("nothing is recorded: without the hook, intercepted calls and TrackedMemory record only in a "
                        + "process that was started with NATIVELEAK set");
                }
            }

            if (AllocationRecorder.StartFailure is { } failure)
            {
                warnings.Add("nothing is recorded: " + failure);
            }

            if (SiteDepot.OthersCount > 0)
            {
                warnings.Add(string.Create(CultureInfo.InvariantCulture,
                    $"{SiteDepot.OthersCount} allocation(s) came from stacks beyond the first {SiteDepot.Limit} distinct "
                    + $"ones: they are counted together, without a stack of their own"));
            }

            if (BlockHints.Overlaps > 0)
            {
                warnings.Add(string.Create(CultureInfo.InvariantCulture,
                    $"{BlockHints.Overlaps} block(s) given to BlockPool.Alloc or LeakHints.Adopt overlap recorded blocks and "
                    + $"are not known: a pool whose blocks hold blocks is a metapool (BlockPoolKinds.Meta)"));
            }

            warnings.AddRange(TrackerFacts.Warnings());
            warnings.AddRange(RecordTable.FindStalledReaders(s_stalled).Select(static reader => reader.ToString()));

            if (MisuseDetector.Limitation is { } limitation)
            {
                warnings.Add(limitation);
            }

            if (MisuseLog.Dropped > 0)
            {
                warnings.Add(string.Create(CultureInfo.InvariantCulture,
                    $"{MisuseLog.Dropped} more mistake(s) are not listed: the detector's list was full"));
            }

            return warnings;
        }
    }

    /// <inheritdoc/>
    public ReportedTracker Tracker => TrackerFacts.Describe(level);

    /// <inheritdoc/>
    public long LiveBytes => RecordTable.Counters.LiveBytes;

    /// <inheritdoc/>
    public long AllocatedBytes => RecordTable.Counters.AllocatedBytes;

    /// <inheritdoc/>
    public IReadOnlyList<SiteCount> CountSites() => RecordTable.IsInitialized ? SiteCensus.Take() : [];

    /// <inheritdoc/>
    public IReadOnlyList<FoundMisuse> Misuse => new MisuseCollector(this).Collect();

    /// <inheritdoc/>
    public IReadOnlyList<CallFrame> GetFrames(uint site)
        => level == DetectorLevel.Count ? Innermost(RecordedFrames.Of(site)) : RecordedFrames.Of(site);

    // Level count tells callers apart, not their callers.
    private static IReadOnlyList<CallFrame> Innermost(IReadOnlyList<CallFrame> frames)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            if (!Fingerprint.IsFramework(frames[i]))
            {
                return [.. frames.Take(i + 1)];
            }
        }

        return frames;
    }

    /// <inheritdoc/>
    public string DescribeThread(ushort number) => ThreadNumbers.Describe(number);

    /// <inheritdoc/>
    public DateTimeOffset TimeOf(uint birthTick) => CoarseClock.ToDateTimeOffset(birthTick);
}
