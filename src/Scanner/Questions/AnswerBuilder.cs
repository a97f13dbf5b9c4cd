// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: names for an answer: types, methods, modules, sites.
// Who calls it: the scanner thread.
// The one idea: as for reports: all that is slow happens after every thread runs again.
using System.Globalization;
using System.Text;
using NativeLeak.NativeHeap.Records;
using NativeLeak.Reporting;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>Builds answers. Not thread-safe; one per answer.</summary>
internal sealed class AnswerBuilder(IReportFacts facts)
{
    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;
    private static readonly TimeSpan s_symbolBudget = TimeSpan.FromSeconds(5);

    private readonly StringBuilder _text = new();

    /// <summary>The answer to a command that is none.</summary>
    public static LeakAnswer Refuse(string command, string error) => new() { Command = command, Error = error, Text = error + "\n" };

    /// <summary>The answer that a scan gave, or why it gave none.</summary>
    public LeakAnswer Build(ScanOutcome outcome, Question question)
    {
        if (outcome.Answer is not { } raw)
        {
            string reason = string.Join("; ", ScanSentences.Describe(outcome));
            return Refuse(question.Command, "no answer: " + (reason.Length > 0 ? reason : "there were no pages for it"));
        }

        using SymbolResolver symbols = new(s_symbolBudget);
        HolderText holders = new(facts, new MemoryPlaces(), new FrameDescriber(symbols));
        AnsweredBlock? block = Describe(raw.Block, holders);
        LeakAnswer answer = new()
        {
            Command = question.Command,
            IsConclusive = outcome.IsConclusive,
            Block = block,
            Pointers = [.. raw.Pointers.Select(pointer => Describe(pointer, raw, holders))],
            PointerCount = raw.PointerCount,
            Path = [.. raw.Steps.Select(step => holders.Describe(step.Complemented())).OfType<LeakHolder>()],
            EndsAtRoot = raw.EndsAtRoot,
            Hex = raw.Hex,
            Text = string.Empty,
        };
        Write(answer, ~question.Complement, StartOf(raw));
        return answer with { Text = _text.ToString() };
    }

    private static nuint StartOf(RawAnswer raw) => ~(raw.Block?.Address ?? raw.Question.Complement);

    private AnsweredBlock? Describe(LostBlock? block, HolderText holders)
    {
        if (block is not { } found)
        {
            return null;
        }

        ReportedSite site = new SiteIndex(facts).Get(found.Site, (AllocationApi)found.Api);
        return new(
            (long)found.BlockByteCount, site.Allocator, holders.Site(found.Site), found.Verdict.ToString().ToLowerInvariant(),
            (long)found.Ordinal, facts.DescribeThread(found.ThreadNumber));
    }

    private static AnsweredPointer Describe(HolderInfo pointer, RawAnswer raw, HolderText holders)
    {
        HolderInfo info = pointer.Complemented();
        LeakHolder holder = holders.Describe(info) ?? new LeakHolder("none", "a place that is not known");
        return new(holder, (long)(info.Value - StartOf(raw)), ((HolderStanding)info.Standing).ToString().ToLowerInvariant());
    }

    private void Write(LeakAnswer answer, nuint address, nuint start)
    {
        if (answer.Block is { } block)
        {
            string inside = address == start ? string.Empty : string.Create(s_invariant, $" + {address - start}");
            Line($"0x{start:x}{inside}: {block.ByteCount} byte(s) allocated by {block.Allocator} at {block.Site}, "
                + $"{block.Thread}, allocation {block.Ordinal}: {block.Verdict}");
        }
        else
        {
            Line($"0x{address:x}: in no recorded block");
        }

        switch (answer.Command)
        {
            case "who":
                WritePointers(answer);
                break;
            case "path":
                WritePath(answer);
                break;
            default:
                WriteBytes(answer.Hex, answer.Block is null ? address : start);
                break;
        }

        if (!answer.IsConclusive)
        {
            Line("the scan had gaps: there may be more");
        }
    }

    private void WritePointers(LeakAnswer answer)
    {
        foreach (AnsweredPointer pointer in answer.Pointers)
        {
            string to = pointer.Offset == 0 ? "its start" : string.Create(s_invariant, $"its start + {pointer.Offset}");
            string dead = pointer.Standing switch
            {
                "dead" => ", which is dead: it does not count",
                "lost" => ", which is lost itself",
                "possible" => ", which is possibly lost itself",
                _ => string.Empty,
            };
            Line($"  a pointer to {to} is in {pointer.Holder.Description}{dead}");
        }

        if (answer.PointerCount > answer.Pointers.Count)
        {
            Line($"  and {answer.PointerCount - answer.Pointers.Count} more");
        }

        Line($"{answer.PointerCount} pointer(s)");
    }

    private void WritePath(LeakAnswer answer)
    {
        foreach (LeakHolder step in answer.Path)
        {
            Line($"  held by {step.Description}");
        }

        Line(answer.EndsAtRoot ? "which is a root"
            : answer.Path.Count == 0 ? "nothing leads to it" : "and so on: the path could not be followed to its root");
    }

    private void WriteBytes(string hex, nuint address)
    {
        for (int at = 0; at < hex.Length; at += 32)
        {
            string line = hex.Substring(at, Math.Min(32, hex.Length - at));
            byte[] bytes = Convert.FromHexString(line);
            string ascii = string.Concat(bytes.Select(static value => value is >= 0x20 and < 0x7F ? (char)value : '.'));
            string pairs = string.Join(' ', line.Chunk(2).Select(static pair => new string(pair)));
            Line($"  {address + (nuint)(at / 2):x12}  {pairs,-47}  |{ascii}|");
        }
    }

    private void Line(string text) => _text.Append(TerminalText.Escape(text)).Append('\n');
}
