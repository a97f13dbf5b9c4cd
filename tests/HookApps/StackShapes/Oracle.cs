// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: compares the stack that was recorded for a block with the real one.
// Who calls it: Leaf, for every allocation.
// The one idea: a frame of the record must be the frame that is really there, method and line; what is missing is
// counted apart, since a stack may end early (depth, native code) but may not lie.
using System.Diagnostics;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;

namespace StackShapes;

/// <summary>The comparison. Thread-safe.</summary>
internal static class Oracle
{
    private const int ControlDepth = 3;

    private static readonly Lock s_lock = new();
    private static readonly SymbolResolver s_symbols = new(TimeSpan.FromHours(1));
    private static readonly Dictionary<(ulong Path, uint Site), Truth> s_truths = [];
    private static readonly Dictionary<(uint Site, string Truth), Verdict> s_verdicts = [];
    private static readonly Dictionary<uint, NamedFrame[]> s_recorded = [];
    private static readonly Dictionary<ulong, string> s_plain = [];
    private static readonly Dictionary<ulong, string> s_truncated = [];
    private static readonly SortedDictionary<string, Tally> s_tallies = new(StringComparer.Ordinal);
    private static readonly string s_leaf = typeof(Leaf).FullName + "." + nameof(Leaf.Allocate);

    private enum Verdict
    {
        Right,
        Short,
        WrongLine,
        WrongMethod,
    }

    /// <summary>The shape whose turn it is.</summary>
    public static string Shape { get; set; } = "start";

    /// <summary>Allocations whose plain walk would have been another stack's too: the first control.</summary>
    public static long PlainConfused { get; private set; }

    /// <summary>The same for walks of three frames: the second control.</summary>
    public static long TruncatedConfused { get; private set; }

    public static IEnumerable<KeyValuePair<string, Tally>> Tallies => s_tallies;

    /// <summary>Whether the truth about a block is still to be taken: the same path at the same site was not asked before.
    /// (One path alone does not do: optimised code may give a call the line of its neighbour.) Path 0 is always another.
    /// </summary>
    public static bool MustAsk(ulong key, nint block)
    {
        uint site = SiteOf(block);
        lock (s_lock)
        {
            return key == 0 || !s_truths.ContainsKey((key, site));
        }
    }

    public static void Check(ulong key, StackTrace? trace, nint block, in AllocationCall call)
    {
        uint site = SiteOf(block);
        (ulong plain, ulong truncated) = PlainWalk(in call);
        lock (s_lock)
        {
            Truth? truth = trace is null ? s_truths[(key, site)] : new Truth(trace);
            if (key != 0)
            {
                s_truths[(key, site)] = truth;
            }

            Tally tally = TallyOf(Shape);
            tally.Allocations++;
            tally.Sites.Add(site);
            if (!s_verdicts.TryGetValue((site, truth.Text), out Verdict verdict))
            {
                verdict = Compare(site, truth, tally);
                s_verdicts.Add((site, truth.Text), verdict);
            }

            tally.WrongMethods += verdict == Verdict.WrongMethod ? 1 : 0;
            tally.WrongLines += verdict == Verdict.WrongLine ? 1 : 0;
            tally.Short += verdict == Verdict.Short ? 1 : 0;
            // The leaf's own line differs by API, and is not part of what the control walks.
            string callers = string.Join(" < ", truth.Frames.Skip(1).Take(SiteDepot.Depth));
            PlainConfused += s_plain.TryAdd(plain, callers) || s_plain[plain] == callers ? 0 : 1;
            TruncatedConfused += s_truncated.TryAdd(truncated, callers) || s_truncated[truncated] == callers ? 0 : 1;
        }
    }

    private static Tally TallyOf(string shape)
    {
        if (!s_tallies.TryGetValue(shape, out Tally? tally))
        {
            s_tallies.Add(shape, tally = new Tally());
        }

        return tally;
    }

    private static uint SiteOf(nint block)
    {
        using EpochGuard guard = RecordTable.EnterGuard();
        if (!RecordTable.TryFind(in guard, (nuint)block, out RecordHandle found))
        {
            return SiteDepot.UnknownSite;
        }

        using RecordHandle handle = found;
        return handle.Record.Site;
    }

    private static Verdict Compare(uint site, Truth truth, Tally tally)
    {
        NamedFrame[] recorded = Recorded(site);
        int leaf = Array.FindIndex(recorded, frame => frame.Method == s_leaf);
        Verdict verdict = leaf < 0 ? Verdict.WrongMethod : Verdict.Right;
        int count = Math.Min(recorded.Length - leaf, truth.Frames.Length);
        for (int i = 0; verdict == Verdict.Right && i < count; i++)
        {
            NamedFrame said = recorded[leaf + i];
            NamedFrame real = truth.Frames[i];
            verdict = said.Method != real.Method ? Verdict.WrongMethod
                : said.Line != real.Line ? Verdict.WrongLine
                : Verdict.Right;
        }

        if (verdict == Verdict.Right && recorded.Length - leaf > truth.Frames.Length)
        {
            verdict = Verdict.WrongMethod;
        }

        int missing = truth.Frames.Skip(count).Count(frame => !IsThreadStart(frame.Method));
        // Native frames in between take their places in the key too.
        SiteDepot.GetFrames(site, new nuint[SiteDepot.Depth], out int keyCount);
        if (verdict == Verdict.Right && missing > 0 && keyCount < SiteDepot.Depth)
        {
            verdict = Verdict.Short;
        }

        if (verdict != Verdict.Right)
        {
            tally.First ??= $"{verdict} site {site}\n  said: {string.Join(" < ", recorded)}\n  real: {truth.Text}";
        }

        return verdict;
    }

    private static bool IsThreadStart(string method) => method.StartsWith("System.Threading.", StringComparison.Ordinal)
        || method.StartsWith("System.Environment.CallEntryPoint", StringComparison.Ordinal);

    private static NamedFrame[] Recorded(uint site)
    {
        if (!s_recorded.TryGetValue(site, out NamedFrame[]? named))
        {
            named = [.. (SiteDepot.GetStack(site)?.Frames ?? [])
                .Where(static frame => !Truth.IsStub(frame.Method)).Select(Name)];
            s_recorded.Add(site, named);
        }

        return named;
    }

    private static NamedFrame Name(SiteFrame frame)
    {
        int line = frame.Line;
        bool isKnown = line != 0
            || (frame.Method is { } method
                ? s_symbols.TryFind(method, frame.ILOffset, out _, out line)
                : frame.ModulePath is { } path
                    && s_symbols.TryFind(path, frame.ModuleVersion, frame.Token, frame.ILOffset, out _, out line));
        return new NamedFrame(frame.ToString(), isKnown ? line : 0);
    }

    // What a walk that knows only frame pointers makes of the same stack.
    private static unsafe (ulong Plain, ulong Truncated) PlainWalk(in AllocationCall call)
    {
        Span<nuint> plain = stackalloc nuint[SiteDepot.Depth];
        plain[0] = call.ReturnAddress;
        int count = 1;
        nuint frame = call.FramePointer;
        nuint last = call.StackPointer;
        while (count < plain.Length && frame >= last && frame < StackWalker.StackEnd - 16 && (frame & 7) == 0)
        {
            plain[count++] = ((nuint*)frame)[1];
            last = frame;
            frame = *(nuint*)frame;
        }

        return (StackWalker.Hash(plain[..count]), StackWalker.Hash(plain[..Math.Min(count, ControlDepth)]));
    }
}
