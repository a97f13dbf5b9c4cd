// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Records;

/// <summary>
/// What a free must know of a block whose record it took out. Three words without an address taken anywhere, so that it
/// stays in registers: a struct that is written in pieces and copied stalls the processor for longer than all the rest.
/// </summary>
internal readonly struct RemovedBlock
{
    private const int SiteShift = 32;

    private readonly ulong _siteAndState;

    /// <summary>From what the record held.</summary>
    /// <param name="byteCount">The bytes asked for.</param>
    /// <param name="site">Id of the site.</param>
    /// <param name="stateWord">The state word; live.</param>
    /// <param name="ordinal">Its place in the order of allocation.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RemovedBlock(nuint byteCount, uint site, uint stateWord, ulong ordinal)
    {
        ByteCount = byteCount;
        Ordinal = ordinal;
        _siteAndState = ((ulong)site << SiteShift) | stateWord;
    }

    /// <summary>What a removal answers that found nothing.</summary>
    public static RemovedBlock None => new(nuint.MaxValue, 0, 0, 0);

    /// <summary>The bytes asked for; <see cref="nuint.MaxValue"/> when the address had no record.</summary>
    public nuint ByteCount { get; }

    /// <summary>False when the address had no record: then nothing else here means anything.</summary>
    public bool IsFound
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ByteCount != nuint.MaxValue;
    }

    /// <summary>Its place in the order of allocation.</summary>
    public ulong Ordinal { get; }

    /// <summary>Birth, in ticks of 16 ms.</summary>
    public uint BirthTick => (uint)(Ordinal >> PackedRecord.SequenceBits);

    /// <summary>Id of the allocation site.</summary>
    public uint Site => (uint)(_siteAndState >> SiteShift);

    /// <summary>The API the block came from, as far as it was known.</summary>
    public AllocationApi Api => RecordStateWord.Api((uint)_siteAndState);

    /// <summary>Flags of the block.</summary>
    public BlockFlags Flags => RecordStateWord.Flags((uint)_siteAndState);
}
