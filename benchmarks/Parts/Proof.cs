// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what must be true of a part that claims to have been measured.
// Who calls it: every body, once for its many repetitions.
// The one idea: a benchmark that measures something else than it says is worse than none, so each proves the number of
// things it did and, where it allocates, that the recorder saw the very stack it was called from; what is wrong throws, and
// the run fails.
// Safety: blocks are only looked up.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Proofs; what fails them is an <see cref="InvalidOperationException"/>.</summary>
internal static unsafe class Proof
{
    // The recorded 16 include methods of NativeLeak and of .NET that a lower tier has not inlined; names leave ours out.
    private const int LeastFrames = Frames.Count - 4;

    private static readonly string s_nest = typeof(Frames).FullName + ".Nest";

    /// <summary>The control: every proof fails.</summary>
    public static bool IsBroken { get; set; }

    /// <summary>Holds a count to what was asked for.</summary>
    public static long Count(long actual, long expected, string what)
        => actual == expected && !IsBroken ? actual : throw new InvalidOperationException($"{actual} of {expected} {what}");

    /// <summary>Holds a recorded block's stack to <see cref="Site"/>.</summary>
    public static void Block(void* block, Type type, string body)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found))
        {
            throw new InvalidOperationException($"a block of {body} has no record");
        }

        using (found)
        {
            Site(found.Record.Site, type, body);
        }
    }

    /// <summary>Holds a stack to the frames that are expected: those of .NET itself, the body, then <see cref="Frames"/>.</summary>
    public static void Site(uint site, Type type, string body)
    {
        SiteStack stack = SiteDepot.GetStack(site)
            ?? throw new InvalidOperationException($"the call stack of {body} has no names");
        string[] names = [.. stack.Frames.Select(static frame => $"{frame.Method?.DeclaringType?.FullName}.{frame.Method?.Name}")];
        int at = Array.IndexOf(names, $"{type.FullName}.{body}");
        bool isExpected = at >= 0 && names.Length >= LeastFrames && names[(at + 1)..].All(name => name == s_nest);
        if (stack.IsFleeting || !isExpected || IsBroken)
        {
            throw new InvalidOperationException(
                $"the recorder saw another stack than {body} has{(stack.IsFleeting ? ", one of code that goes away" : "")}: "
                + string.Join(" < ", names));
        }
    }
}
