// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>Makes fabricated lost blocks.</summary>
internal static class Lost
{
    public static unsafe LostBlock Block(
        uint site,
        Verdict verdict,
        int byteCount,
        nuint address = 0x7000,
        uint birth = 90,
        ushort thread = 1,
        uint ordinal = 1,
        string content = "",
        BlockFlags flags = BlockFlags.None,
        AllocationApi api = AllocationApi.Unknown)
    {
        LostBlock block = new()
        {
            Address = address,
            BlockByteCount = (nuint)byteCount,
            Site = site,
            Verdict = verdict,
            ThreadNumber = thread,
            Ordinal = ((ulong)birth << PackedRecord.SequenceBits) | ordinal,
            Flags = (byte)flags,
            Api = (byte)api,
            SampleCount = (byte)content.Length,
        };
        for (int i = 0; i < content.Length; i++)
        {
            // Safety: the fixed buffer has 30 bytes, and no test's content is longer.
            block.Sample[i] = (byte)content[i];
        }

        return block;
    }
}
