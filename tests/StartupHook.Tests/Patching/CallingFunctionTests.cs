// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>The function that is redirected in its middle: AlignedRealloc, copied byte by byte to a page of ours.</summary>
[TestFixture]
internal sealed unsafe class CallingFunctionTests
{
    private const int ReadExecute = 5;
    private const nuint ByteCount = 38;
    private const int Old = 1;

    // Where its instructions begin, up to the call (22) and behind it (27).
    private static readonly int[] s_boundaries = [0, 1, 4, 6, 8, 9, 10, 13, 16, 19, 22, 27];

    [OneTimeSetUp]
    public void StartPlatform() => _ = Platform.Pages;

    [Test]
    public void It_leads_to_the_entry_with_its_arguments_until_the_patch_is_undone()
    {
        CodePage page = CodePage.Anywhere();
        nuint function = page.AddCalling(page.AddReturning(Old));
        CodePatch patch = Plan(function, page.AddTakeBack(page.AddMixing()));
        page.Seal();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Mixed(function), Is.EqualTo(Old), "a plan changes nothing");
            Assert.That(patch.TryApply(out string reason), reason);
            Assert.That(Mixed(function), Is.EqualTo(3 + (2 * 50) + (4 * 700)));
            Assert.That(patch.TryUndo(out reason), reason);
            Assert.That(Mixed(function), Is.EqualTo(Old));
        }
    }

    // A thread that was stopped in front of an instruction, in the old code, and goes on after the patch: so many of the old
    // instructions, run elsewhere, then a jump to where it stood. What it saved must be what its caller gets back.
    [Test]
    public void A_thread_that_stands_anywhere_in_it_finishes_well()
    {
        CodePage page = CodePage.Anywhere();
        nuint function = page.AddCalling(page.AddReturning(Old));
        byte[] code = new ReadOnlySpan<byte>((void*)function, (int)ByteCount).ToArray();
        nuint[] standing = [.. s_boundaries.Select(boundary => AddStanding(page, code, function, boundary))];
        CodePatch patch = Plan(function, page.AddTakeBack(page.AddMixing()));
        page.Seal();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(standing.Select(Mixed), Is.All.EqualTo(Old), "before");
            Assert.That(patch.TryApply(out string reason), reason);
            for (int i = 0; i < s_boundaries.Length; i++)
            {
                int expected = s_boundaries[i] > 22 ? Old : 3 + (2 * 50) + (4 * 700);
                Assert.That(Mixed(standing[i]), Is.EqualTo(expected), $"at byte {s_boundaries[i]}");
            }
        }
    }

    [Test]
    public void No_instruction_but_the_call_changes_and_of_that_only_where_it_leads()
    {
        Assert.That(Changed(static (page, function) => Plan(function, page.AddTakeBack(page.AddMixing())).TryApply(out _)),
            Is.Not.Empty.And.All.InRange(23, 26));
    }

    // What was done before: a thread at byte 1 would have gone on in the middle of the jump.
    [Test]
    public void Control_a_jump_over_its_beginning_changes_instructions_that_a_thread_may_stand_at()
    {
        int[] changed = Changed(static (_, function) => MachineCode.WriteJump(new Span<byte>((void*)function, 16), 0x1234));
        Assert.That(s_boundaries.Where(boundary => boundary > 0 && changed.Contains(boundary)), Is.Not.Empty);
    }

    [Test]
    public void Threads_in_the_middle_of_it_survive_its_patching()
    {
        CodePage page = CodePage.Anywhere();
        nuint function = page.AddCalling(page.AddReturning(Old));
        CodePatch patch = Plan(function, page.AddTakeBack(page.AddMixing()));
        page.Seal();
        bool done = false;
        long[] seen = new long[2 * 3];
        Thread[] callers = [.. Enumerable.Range(0, 2).Select(lane => new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                int answer = Mixed(function);
                seen[(lane * 3) + (answer == Old ? 0 : answer == 2903 ? 1 : 2)]++;
            }
        }))];
        Array.ForEach(callers, caller => caller.Start());
        int failed = 0;
        // Until both kinds of answers came, on whatever machine.
        for (int i = 0; i < 20_000 || (i < 20_000_000 && (Volatile.Read(ref seen[0]) == 0 || Volatile.Read(ref seen[1]) == 0)); i++)
        {
            failed += patch.TryApply(out _) && patch.TryUndo(out _) ? 0 : 1;
        }

        Volatile.Write(ref done, true);
        Array.ForEach(callers, caller => caller.Join());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed, Is.Zero);
            Assert.That((seen[2], seen[5]), Is.EqualTo((0L, 0L)), "answers of neither");
            Assert.That(seen[0] + seen[3], Is.Positive, "old ones");
            Assert.That(seen[1] + seen[4], Is.Positive, "new ones");
        }
    }

    [TestCase(1)]
    [TestCase(8, Description = "another register is saved")]
    [TestCase(12, Description = "arguments go elsewhere")]
    [TestCase(21)]
    [TestCase(22, Description = "a jump where the call should be")]
    public void With_one_other_byte_it_is_refused(int index)
    {
        CodePage page = CodePage.Anywhere();
        nuint function = page.AddCalling(page.AddReturning(Old));
        ((byte*)function)[index] ^= 1;
        Assert.That(ExportPatcher.TryPlan(function, ByteCount, ExportShape.CallingFunction, function + 64, ReadExecute, out string reason),
            Is.Null);
        Assert.That(reason, Does.Contain("unknown code"));
    }

    private static int Mixed(nuint function) => CodePage.Call(function, 3, 50, 700);

    private static nuint AddStanding(CodePage page, byte[] code, nuint function, int boundary)
    {
        // The call itself, which cannot be moved, is what it returns: mov eax, Old.
        byte[] done = boundary > 22 ? [.. code[..22], 0xB8, Old, 0, 0, 0] : code[..boundary];
        Span<byte> standing = stackalloc byte[64];
        done.CopyTo(standing);
        int length = done.Length + MachineCode.WriteJump(standing[done.Length..], (nint)function + boundary);
        return page.Add(standing[..length]);
    }

    // Which bytes of a fresh copy a change touches.
    private static int[] Changed(Action<CodePage, nuint> change)
    {
        CodePage page = CodePage.Anywhere();
        nuint function = page.AddCalling(page.AddReturning(Old));
        byte[] before = new ReadOnlySpan<byte>((void*)function, (int)ByteCount).ToArray();
        change(page, function);
        byte[] after = new ReadOnlySpan<byte>((void*)function, (int)ByteCount).ToArray();
        return [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];
    }

    private static CodePatch Plan(nuint function, nuint stub)
    {
        CodePatch? patch = ExportPatcher.TryPlan(
            function, ByteCount, ExportShape.CallingFunction, stub, ReadExecute, out string reason);
        Assert.That(patch, Is.Not.Null, reason);
        return patch!;
    }
}
