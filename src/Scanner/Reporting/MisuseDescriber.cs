// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.NativeHeap.Misuse;

namespace NativeLeak.Reporting;

/// <summary>Turns what was found into what is reported: names, lines, one sentence each.</summary>
internal static class MisuseDescriber
{
    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    /// <summary>Describes all; the same kind with the same text stacks becomes one, since sites of one line differ only
    /// by how the code was compiled.</summary>
    public static IReadOnlyList<MisuseGroup> Describe(IReadOnlyList<FoundMisuse> found, FrameDescriber frames)
    {
        Dictionary<string, MisuseGroup> groups = [];
        foreach (FoundMisuse misuse in found)
        {
            MisuseGroup group = Describe(misuse, frames);
            string identity = Identity(group);
            groups[identity] = groups.TryGetValue(identity, out MisuseGroup? known)
                ? known with { Count = known.Count + group.Count }
                : group;
        }

        return [.. groups.Values.OrderBy(static group => group.Kind).ThenByDescending(static group => group.Count)];
    }

    /// <summary>What tells one mistake from another, in every report of a process.</summary>
    public static string Identity(MisuseGroup group) => string.Join('\n',
        (string[])[group.Kind.ToString(), group.Allocator ?? "", group.FreedWith ?? "",
            .. Lines(group.Stack), "|", .. Lines(group.AllocationStack), "|", .. Lines(group.FirstFreeStack)]);

    private static IEnumerable<string> Lines(IReadOnlyList<LeakFrame> stack) => stack.Where(static frame => !frame.IsFramework)
        .Select(static frame => string.Create(s_invariant, $"{frame.Method}:{frame.Line}"));

    private static MisuseGroup Describe(FoundMisuse misuse, FrameDescriber frames)
    {
        MisuseEntry entry = misuse.Entry;
        string? allocator = entry.Site == 0 ? null : AllocatorNames.Find(entry.Api, misuse.AllocationStack);
        string? freedWith = entry.Code == MisuseCode.WriteAfterFree ? null : FreeingNames.Find(entry.FreeApi, misuse.Stack);
        return new MisuseGroup
        {
            Kind = entry.Code switch
            {
                MisuseCode.DoubleFree => MisuseKind.DoubleFree,
                MisuseCode.MismatchedFree => MisuseKind.MismatchedFree,
                MisuseCode.WriteAfterFree => MisuseKind.WriteAfterFree,
                _ => MisuseKind.InvalidFree,
            },
            Count = entry.Count,
            Address = entry.Address,
            Allocator = allocator,
            FreedWith = freedWith,
            Explanation = Explain(in entry, allocator, freedWith),
            Stack = [.. misuse.Stack.Select(frames.Describe)],
            AllocationStack = [.. misuse.AllocationStack.Select(frames.Describe)],
            FirstFreeStack = [.. misuse.FirstFreeStack.Select(frames.Describe)],
        };
    }

    private static string Explain(in MisuseEntry entry, string? allocator, string? freedWith) => entry.Code switch
    {
        MisuseCode.DoubleFree => $"the block{Size(in entry)} had been freed before; it was not passed on",
        MisuseCode.MismatchedFree => entry.Address == entry.BlockAddress
            ? $"a block of {allocator ?? "another API"} was freed with {freedWith ?? "another family's function"}: "
                + "these are one heap here, and heap corruption on Windows"
            : $"a block of {allocator ?? "another API"} was freed with {freedWith ?? "another family's function"}, "
                + "whose pointers lie elsewhere in their block; it was not passed on",
        MisuseCode.WriteAfterFree => string.Create(s_invariant,
            $"byte {entry.Offset} of the freed block{Size(in entry)} was overwritten with {Content(in entry)}"),
        _ => entry.Reason switch
        {
            InvalidFreeReason.InsideBlock => string.Create(s_invariant,
                $"the address is {entry.Address - entry.BlockAddress} byte(s) inside a block{Size(in entry)}; it was not passed on"),
            InvalidFreeReason.OnStack => "the address is on the stack of the thread that freed it; it was not passed on",
            InvalidFreeReason.InManagedHeap => "the address is in the managed heap; it was not passed on",
            _ => "the C heap has no block in use there; it was not passed on",
        },
    };

    private static string Size(in MisuseEntry entry) => entry.ByteCount is 0 or ushort.MaxValue
        ? string.Empty
        : string.Create(s_invariant, $" of {entry.ByteCount} byte(s)");

    // Safety: the buffer is inside a local copy, and the count was bounded by it when it was written.
    private static unsafe string Content(in MisuseEntry entry)
    {
        MisuseEntry copy = entry;
        int count = Math.Min((int)copy.ContentByteCount, MisuseEntry.MaximumContentByteCount);
        return BitConverter.ToString(new ReadOnlySpan<byte>(copy.Content, count).ToArray()).Replace('-', ' ').ToLowerInvariant();
    }
}
