// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>The facts of this process, as the recorder and the hook know them.</summary>
/// <param name="tier">How allocations are seen.</param>
/// <param name="detail">What the hook says about that.</param>
/// <param name="level">The level in force.</param>
internal sealed class RecorderFacts(InterceptionTier tier, string detail, DetectorLevel level) : IReportFacts
{
    private const string NativeCode = "memory that native libraries allocate for themselves";

    /// <inheritdoc/>
    public string Tier => tier switch
    {
        InterceptionTier.Exports => "runtime hook (exports)",
        InterceptionTier.GlobalOffsetTable => "runtime hook (import slots)",
        _ => "explicit API only",
    };

    /// <inheritdoc/>
    public IReadOnlyList<string> Unseen => tier switch
    {
        InterceptionTier.Exports or InterceptionTier.GlobalOffsetTable =>
            [NativeCode, "blocks allocated before the detector started"],
        _ => ["every allocation that does not go through TrackedMemory or TrackedMarshal", NativeCode],
    };

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            List<string> warnings = [];
            if (tier is InterceptionTier.None or InterceptionTier.ExplicitApiOnly)
            {
                warnings.Add("the runtime could not be hooked: " + detail);
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

            warnings.AddRange(TrackerFacts.Warnings());
            return warnings;
        }
    }

    /// <inheritdoc/>
    public ReportedTracker Tracker => TrackerFacts.Describe(level);

    /// <inheritdoc/>
    public IReadOnlyList<SiteCount> CountSites() => RecordTable.IsInitialized ? SiteCensus.Take() : [];

    /// <inheritdoc/>
    public IReadOnlyList<CallFrame> GetFrames(uint site)
        => level == DetectorLevel.Count ? Innermost(FramesOf(site)) : FramesOf(site);

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

    private static IReadOnlyList<CallFrame> FramesOf(uint site)
    {
        if (SiteDepot.GetStack(site) is { Frames.Count: > 0 } stack)
        {
            return [.. stack.Frames.Select(ToCallFrame)];
        }

        Span<nuint> addresses = stackalloc nuint[StackWalker.MaximumDepth];
        SiteDepot.GetFrames(site, addresses, out int count);
        CallFrame[] frames = new CallFrame[count];
        for (int i = 0; i < count; i++)
        {
            frames[i] = new CallFrame(null, -1, addresses[i]);
        }

        return frames;
    }

    private static CallFrame ToCallFrame(SiteFrame frame) => frame.Method is not null
        ? new CallFrame(frame.Method, frame.ILOffset, frame.InstructionPointer)
        : new CallFrame(null, frame.ILOffset, frame.InstructionPointer, frame.Name, frame.AssemblyName, new KeptMethod(
            frame.Ordinal, frame.ModulePath, frame.ModuleVersion, frame.Token, frame.File, frame.Line));

    /// <inheritdoc/>
    public string DescribeThread(ushort number) => ThreadNumbers.Describe(number);

    /// <inheritdoc/>
    public DateTimeOffset TimeOf(uint birthTick) => CoarseClock.ToDateTimeOffset(birthTick);
}
