// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Counts the lost blocks of one group while the list of a scan is read.</summary>
internal sealed class GroupTally(ReportedSite site, LeakKind kind, int sampleLimit, long sampleInterval)
{
    private readonly SortedSet<ushort> _threads = [];
    private readonly List<LeakSample> _samples = [];
    private nuint _holderOffset;
    private nuint _holderComplement;
    private EstimateSum _estimate;

    /// <summary>Where the blocks come from.</summary>
    public ReportedSite Site => site;

    /// <summary>Their kind.</summary>
    public LeakKind Kind => kind;

    /// <summary>Their tag; null without one.</summary>
    public string? Tag { get; init; }

    /// <summary>The group's own blocks.</summary>
    public BlockTotal Total { get; private set; }

    /// <summary>What the group's blocks stand for; null when every block is recorded.</summary>
    public BlockEstimate? Estimate => sampleInterval == 0 ? null : Estimates.Of(_estimate);

    /// <summary>What hangs from them.</summary>
    public BlockTotal Indirect { get; private set; }

    /// <summary>Birth of the oldest block.</summary>
    public uint FirstTick { get; private set; } = uint.MaxValue;

    /// <summary>Birth of the youngest block.</summary>
    public uint LastTick { get; private set; }

    /// <summary>The threads that allocated.</summary>
    public IReadOnlyCollection<ushort> Threads => _threads;

    /// <summary>What holds the blocks, and what held them.</summary>
    public HolderTally Holders { get; } = new();

    /// <summary>The first blocks of the group.</summary>
    public IReadOnlyList<LeakSample> Samples => _samples;

    /// <summary>Whether a pointer to the inside of a block was seen, and where.</summary>
    public bool TryGetHolder(out nuint holder, out nuint offset)
    {
        (holder, offset) = (~_holderComplement, _holderOffset);
        return _holderComplement != 0;
    }

    /// <summary>Adds a block.</summary>
    public void Add(in LostBlock block)
    {
        Total += new BlockTotal(1, (long)block.BlockByteCount);
        SampleWeight.Add(ref _estimate, block.BlockByteCount, sampleInterval);
        if (block.Verdict == Verdict.Definite)
        {
            Indirect += new BlockTotal(block.IndirectBlocks, (long)block.IndirectBytes);
        }

        FirstTick = Math.Min(FirstTick, block.BirthTick);
        LastTick = Math.Max(LastTick, block.BirthTick);
        _threads.Add(block.ThreadNumber);
        if (_samples.Count < sampleLimit)
        {
            _samples.Add(new LeakSample(UserAddress(block), (long)block.BlockByteCount, (long)block.Ordinal, Hex(block)));
        }

        if (block.HolderAddress != 0 && _holderComplement == 0)
        {
            (_holderComplement, _holderOffset) = (~block.HolderAddress, block.HolderValue - block.Address);
        }
    }

    // A BSTR's pointer is behind its length prefix: show what the caller was given.
    private static nuint UserAddress(in LostBlock block)
        => block.Address + (nuint)(((BlockFlags)block.Flags).HasFlag(BlockFlags.BstrPrefixed) ? 8 : 0);

    private static unsafe string Hex(in LostBlock block)
    {
        // Safety: the sample is a fixed buffer inside the entry, which is pinned while it is read; the count is
        // bounded.
        fixed (byte* sample = block.Sample)
        {
            int count = Math.Min(block.SampleCount, (byte)LostBlock.SampleByteCount);
            return Convert.ToHexStringLower(new ReadOnlySpan<byte>(sample, count));
        }
    }
}
