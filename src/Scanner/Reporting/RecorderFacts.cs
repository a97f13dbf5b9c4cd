// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>The facts of this process, as the recorder and the hook know them.</summary>
/// <param name="tier">How allocations are seen.</param>
/// <param name="detail">What the hook says about that.</param>
internal sealed class RecorderFacts(InterceptionTier tier, string detail) : IReportFacts
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

            RecordCounters counters = RecordTable.Counters;
            if (counters.Dropped > 0)
            {
                warnings.Add(string.Create(CultureInfo.InvariantCulture,
                    $"{counters.Dropped} block(s) were not recorded, because the detector's own memory was used up"));
            }

            return warnings;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<CallFrame> GetFrames(uint site)
    {
        if (SiteDepot.GetStack(site) is { } stack)
        {
            return [.. stack.Frames.Select(static frame => new CallFrame(
                frame.Method, frame.ILOffset, frame.InstructionPointer, frame.Name, frame.AssemblyName))];
        }

        Span<nuint> addresses = stackalloc nuint[SiteStack.MaximumFrameCount];
        SiteDepot.GetFrames(site, addresses, out int count);
        CallFrame[] frames = new CallFrame[count];
        for (int i = 0; i < count; i++)
        {
            frames[i] = new CallFrame(null, -1, addresses[i]);
        }

        return frames;
    }

    /// <inheritdoc/>
    public string DescribeThread(ushort number) => ThreadNumbers.Describe(number);

    /// <inheritdoc/>
    public DateTimeOffset TimeOf(uint birthTick) => CoarseClock.ToDateTimeOffset(birthTick);
}
