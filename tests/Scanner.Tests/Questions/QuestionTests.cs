// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.ExitApps;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Questions;
using NativeLeak.Scanner.Tests.Marking;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Questions;

/// <summary>Questions about an address: who points at it, what it is, by which way it is reached.</summary>
[TestFixture]
internal sealed unsafe class QuestionTests
{
    private const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;

    [Test]
    public void Who_finds_every_pointer_to_the_block_and_says_which_count()
    {
        using MarkingWorld world = new(4, 4096);
        nuint block = world.AddBlock(64, 64), reachable = world.AddBlock(256, 64), lost = world.AddBlock(512, 64);
        nuint possible = world.AddBlock(768, 64);
        *(nuint*)world.Root = reachable;
        *(nuint*)(world.Root + 8) = possible + 4;
        *(nuint*)(world.Root + 100) = block;
        *(nuint*)(reachable + 16) = block + 8;
        *(nuint*)(lost + 24) = block;
        *(nuint*)(possible + 4) = block + 64;
        *(nuint*)(block + 8) = block + 1;
        RawAnswer answer = world.Ask(QuestionKind.Who, block + 30);
        Assert.That(answer.PointerCount, Is.EqualTo(5));
        Assert.That(
            answer.Pointers.Select(static pointer => pointer.Complemented())
                .Select(pointer => (pointer.Kind, pointer.Value - block, pointer.Offset, (HolderStanding)pointer.Standing)),
            Is.EquivalentTo(new[]
            {
                (HolderKind.Memory, (nuint)0, 0L, HolderStanding.Counts),
                (HolderKind.Block, (nuint)1, 8L, HolderStanding.Counts),
                (HolderKind.Block, (nuint)8, 16L, HolderStanding.Counts),
                (HolderKind.Block, (nuint)0, 24L, HolderStanding.Lost),
                (HolderKind.Block, (nuint)64, 4L, HolderStanding.Possible),
            }));
    }

    [Test]
    public void A_slot_below_the_stack_pointer_is_told_as_dead()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 64), stack = (nuint)world.Root;
        *(nuint*)(stack + 512) = block;
        *(nuint*)(stack + 2048) = block + 4;
        world.AddThread(new ParkedThread
        {
            ThreadId = 9, State = ThreadParkState.Parked, StackPointer = stack + 1024, ThreadControlBlock = stack + 4000,
        });
        world.Map(stack, (nuint)world.Heap, ReadWrite);
        world.Map((nuint)world.Heap, (nuint)world.Heap + 4096, ReadWrite);
        RawAnswer answer = world.Ask(QuestionKind.Who, block);
        Assert.That(
            answer.Pointers.Select(static pointer => (pointer.Kind, pointer.ThreadId, pointer.Offset, (HolderStanding)pointer.Standing)),
            Is.EqualTo(new[]
            {
                (HolderKind.Stack, 9, -512L, HolderStanding.Dead), (HolderKind.Stack, 9, 1024L, HolderStanding.Counts),
            }));
        Assert.That(answer.Block?.Verdict, Is.EqualTo(Verdict.Possible));
    }

    [Test]
    public void A_path_goes_from_holder_to_holder_until_a_root()
    {
        using MarkingWorld world = new(4, 4096);
        nuint[] chain = [.. Enumerable.Range(0, 4).Select(i => world.AddBlock((nuint)(64 + (i * 128)), 64))];
        *(nuint*)(world.Root + 40) = chain[3];
        for (int i = 3; i > 0; i--)
        {
            *(nuint*)(chain[i] + (nuint)(i * 8)) = chain[i - 1];
        }

        RawAnswer answer = world.Ask(QuestionKind.Path, chain[0]);
        Assert.That(answer.EndsAtRoot);
        Assert.That(
            answer.Steps.Select(static step => step.Complemented()).Select(static step => (step.Kind, step.Container, step.Offset)),
            Is.EqualTo(new[]
            {
                (HolderKind.Block, chain[1], 8L), (HolderKind.Block, chain[2], 16L), (HolderKind.Block, chain[3], 24L),
                (HolderKind.Memory, (nuint)0, 0L),
            }));
        Assert.That(answer.Steps[3].Complemented().Address, Is.EqualTo((nuint)world.Root + 40));
    }

    [Test]
    public void A_long_path_is_cut_and_says_so_and_nothing_leads_to_a_lost_block()
    {
        const int Count = AnswerArea.MaximumSteps + 10;
        using MarkingWorld world = new(Count + 1, Count * 64);
        nuint previous = 0;
        nuint first = 0;
        for (int i = 0; i < Count; i++)
        {
            nuint block = world.AddBlock((nuint)(i * 64), 32);
            *(nuint*)block = previous;
            first = i == 0 ? block : first;
            previous = block;
        }

        *(nuint*)world.Root = previous;
        RawAnswer answer = world.Ask(QuestionKind.Path, first);
        Assert.That((answer.Steps.Count, answer.EndsAtRoot), Is.EqualTo((AnswerArea.MaximumSteps, false)));
        *(nuint*)world.Root = 0;
        RawAnswer lost = world.Ask(QuestionKind.Path, previous);
        Assert.That((lost.Steps.Count, lost.EndsAtRoot, lost.Block?.Verdict), Is.EqualTo((0, false, Verdict.Definite)));
    }

    [Test]
    public void Dump_shows_record_verdict_and_bytes()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 5);
        "Hello"u8.CopyTo(new Span<byte>((void*)block, 5));
        RawAnswer raw = world.Ask(QuestionKind.Dump, block + 2);
        Assert.That((raw.Hex, raw.Block?.BlockByteCount, raw.Block?.Verdict), Is.EqualTo(("48656c6c6f", (nuint)5, Verdict.Definite)));
    }

    [Test]
    public void An_address_in_no_block_is_answered_too()
    {
        using MarkingWorld world = new(1, 4096);
        nuint foreign = (nuint)world.Heap + 2048;
        world.AddBlock(64, 64);
        *(nuint*)(world.Root + 8) = foreign;
        *(nuint*)(world.Root + 16) = foreign + 1;
        RawAnswer answer = world.Ask(QuestionKind.Who, foreign);
        Assert.That((answer.Block, answer.PointerCount), Is.EqualTo(((LostBlock?)null, 1L)));
    }

    [Test]
    public void More_pointers_than_the_list_holds_are_counted()
    {
        using MarkingWorld world = new(1, 4096);
        nuint block = world.AddBlock(64, 64);
        for (int i = 0; i < AnswerArea.MaximumPointers + 7; i++)
        {
            ((nuint*)world.Root)[i] = block;
        }

        RawAnswer answer = world.Ask(QuestionKind.Who, block);
        Assert.That((answer.Pointers.Count, answer.PointerCount), Is.EqualTo((AnswerArea.MaximumPointers, (long)AnswerArea.MaximumPointers + 7)));
    }

    [Test]
    public void The_text_names_places_offsets_and_what_does_not_count()
    {
        using MarkingWorld world = new(2, 4096);
        nuint block = world.AddBlock(64, 64), lost = world.AddBlock(256, 64);
        *(nuint*)(lost + 24) = block + 8;
        RawAnswer raw = world.Ask(QuestionKind.Who, block);
        Question question = new(QuestionKind.Who, ~block);
        FakeOutcome outcome = FakeOutcome.Of();
        LeakAnswer answer = new AnswerBuilder(new FakeFacts()).Build(Answered(outcome, raw), question);
        Assert.That(answer.Text, Does.Contain("64 byte(s)").And.Contain("a pointer to its start + 8 is in the block allocated at")
            .And.Contain("at its start + 24, which is lost itself").And.EndWith("1 pointer(s)\n"));
        Assert.That(answer.Block?.Verdict, Is.EqualTo("indirect"));
    }

    [TestCase("who=0x7F00", QuestionKind.Who, 0x7F00ul)]
    [TestCase(" dump = 7f00 ", QuestionKind.Dump, 0x7F00ul)]
    [TestCase("PATH=0xffffffffffff", QuestionKind.Path, 0xFFFFFFFFFFFFul)]
    public void Commands_are_read(string command, object kind, ulong address)
    {
        Assert.That(Question.TryParse(command, out Question question, out _));
        Assert.That((question.Kind, ~question.Complement), Is.EqualTo(((QuestionKind)kind, (nuint)address)));
    }

    [TestCase("who", "expected")]
    [TestCase("whom=0x10", "unknown command")]
    [TestCase("", "unknown command")]
    [TestCase("=0x10", "unknown command")]
    [TestCase("who=", "no address")]
    [TestCase("who=zebra", "no address")]
    [TestCase("dump=0", "no address")]
    [TestCase("dump=11112222333344445", "no address")]
    public void What_is_no_command_says_what_is_expected(string command, string reason)
    {
        Assert.That(Question.TryParse(command, out _, out string error), Is.False);
        Assert.That(error, Does.Contain(reason));
    }

    [Test]
    public void A_scan_that_failed_gives_no_answer_but_the_reason()
    {
        LeakAnswer answer = new AnswerBuilder(new FakeFacts()).Build(
            FakeOutcome.Of(SnapshotStatus.CloneRefused, ScanWarning.None), new Question(QuestionKind.Who, ~(nuint)0x10));
        Assert.That(answer.Error, Does.Contain("refused"));
        Assert.That(answer.Pointers, Is.Empty);
    }

    private static FakeOutcome Answered(FakeOutcome outcome, RawAnswer raw) => new([])
    {
        Number = outcome.Number, StartedAt = outcome.StartedAt, Duration = outcome.Duration, Snapshot = outcome.Snapshot,
        Counters = outcome.Counters, Answer = raw,
    };
}
