// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>Patches of functions in pages of our own.</summary>
[TestFixture]
internal sealed class ExportPatcherTests
{
    private const int ReadExecute = 5;
    private const nuint WrapperByteCount = 10;

    [OneTimeSetUp]
    public void StartPlatform() => _ = Platform.Pages;

    [Test]
    public void A_wrapper_leads_to_the_stub_until_the_patch_is_undone()
    {
        CodePage page = CodePage.Anywhere();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        nuint stub = page.AddReturning(2);
        page.Seal();
        byte[] before = CodePage.BytesAt(wrapper);
        CodePatch patch = Plan(wrapper, stub);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(CodePage.Call(wrapper), Is.EqualTo(1), "a plan changes nothing");
            Assert.That(patch.TryApply(out string reason), Is.True, reason);
            Assert.That(CodePage.Call(wrapper), Is.EqualTo(2));
            Assert.That(CodePage.BytesAt(wrapper)[..6], Is.EqualTo(before[..6]), "near: only the displacement changes");
            Assert.That(patch.TryApply(out _), Is.True, "twice is once");
            Assert.That(patch.TryUndo(out reason), Is.True, reason);
            Assert.That(CodePage.Call(wrapper), Is.EqualTo(1));
            Assert.That(CodePage.BytesAt(wrapper), Is.EqualTo(before));
        }
    }

    [Test]
    public void A_wrapper_whose_stub_is_out_of_reach_is_left_alone()
    {
        CodePage page = CodePage.Anywhere();
        CodePage far = CodePage.FarAway();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        nuint stub = far.AddReturning(2);
        page.Seal();
        far.Seal();
        Assert.That(ExportPatcher.TryPlan(wrapper, WrapperByteCount, ExportShape.TailJump, stub, ReadExecute, out string reason), Is.Null);
        Assert.That(reason, Does.Contain("within 2 GiB"));
    }

    // Everything a page of the step of the search could hit is taken: what is left are gaps of a few pages.
    [Test]
    public void Where_address_space_is_full_the_stub_page_goes_into_a_gap()
    {
        const nuint PageBytes = 0x1000, ModuleBytes = 0x40000;
        nuint span = (nuint)4 << 30;
        nuint area = Platform.Pages.Reserve(span);
        Assert.That(area, Is.Not.EqualTo(nuint.Zero));
        // Safety: the area is ours and nobody's memory.
        nuint hole = area + (span / 2) + 0x12_3000;
        Assert.That(RawSyscall.Invoke(SyscallNumber.Munmap, (nint)hole, (nint)PageBytes), Is.EqualTo((nint)0));
        try
        {
            MemoryRange module = new(area + (span / 2) - ModuleBytes, area + (span / 2));
            StubPage? page = StubPage.TryCreate(module);
            Assert.That(page, Is.Not.Null);
            Assert.That(page!.Range.Start, Is.EqualTo(hole));
            page.Discard();
        }
        finally
        {
            // The hole is nobody's, or somebody else's by now.
            Platform.Pages.Release(area, hole - area);
            RawSyscall.Invoke(SyscallNumber.Munmap, (nint)(hole + PageBytes), (nint)(area + span - hole - PageBytes));
        }
    }

    [Test]
    public void A_function_that_is_not_aligned_is_refused()
    {
        CodePage page = CodePage.Anywhere();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        Refuses(wrapper + 1, WrapperByteCount, ExportShape.TailJump, "not aligned");
    }

    [TestCase(9u, ExportShape.TailJump)]
    [TestCase(0u, ExportShape.TailJump)]
    [TestCase(26u, ExportShape.CallingFunction)]
    public void A_function_that_is_too_short_is_refused(uint byteCount, ExportShape shape)
    {
        CodePage page = CodePage.Anywhere();
        nuint function = shape == ExportShape.TailJump ? page.AddWrapper(page.AddReturning(1)) : page.AddCalling(page.AddReturning(1));
        Refuses(function, byteCount, shape, "too short");
    }

    [TestCase(0, (byte)0xF3, Description = "endbr64")]
    [TestCase(0, (byte)0xFF, Description = "patched by somebody already")]
    [TestCase(0, (byte)0xCC, Description = "a debugger's breakpoint")]
    [TestCase(1, (byte)0x41)]
    [TestCase(3, (byte)0xE4)]
    [TestCase(4, (byte)0x58)]
    [TestCase(5, (byte)0xE8, Description = "a call where the jump should be")]
    public void A_wrapper_with_one_other_byte_is_refused(int index, byte value)
    {
        CodePage page = CodePage.Anywhere();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        Poke(wrapper, index, value);
        Refuses(wrapper, WrapperByteCount, ExportShape.TailJump, "unknown code");
    }

    [TestCase(10)]
    [TestCase(13)]
    [TestCase(15)]
    public void A_wrapper_that_is_followed_by_code_is_refused(int index)
    {
        CodePage page = CodePage.Anywhere();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        Poke(wrapper, index, 0x55);
        Refuses(wrapper, WrapperByteCount, ExportShape.TailJump, "padding");
    }

    [Test]
    public void Code_that_changed_after_it_was_looked_at_is_left_alone()
    {
        CodePage page = CodePage.Anywhere();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        nuint stub = page.AddReturning(2);
        CodePatch patch = Plan(wrapper, stub);
        Poke(wrapper, 6, 0x11);
        byte[] now = CodePage.BytesAt(wrapper);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(patch.TryApply(out string reason), Is.False);
            Assert.That(reason, Does.Contain("changed"));
            Assert.That(CodePage.BytesAt(wrapper), Is.EqualTo(now));
        }
    }

    [Test]
    public void An_undo_does_not_destroy_what_somebody_else_put_there()
    {
        CodePage page = CodePage.Anywhere();
        nuint first = page.AddReturning(1);
        nuint wrapper = page.AddWrapper(first);
        nuint stub = page.AddReturning(2);
        nuint other = page.AddReturning(3);
        page.Seal();
        CodePatch mine = Plan(wrapper, stub);
        Assert.That(mine.TryApply(out _), Is.True);
        CodePatch theirs = Plan(wrapper, other);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(theirs.TryApply(out _), Is.True);
            Assert.That(mine.TryUndo(out string reason), Is.False);
            Assert.That(reason, Does.Contain("changed"));
            Assert.That(CodePage.Call(wrapper), Is.EqualTo(3));
        }
    }

    [Test]
    public void Threads_in_the_middle_of_a_function_survive_its_patching()
    {
        CodePage page = CodePage.Anywhere();
        nuint wrapper = page.AddWrapper(page.AddReturning(1));
        nuint stub = page.AddReturning(2);
        page.Seal();
        CodePatch patch = Plan(wrapper, stub);
        bool done = false;
        int[] wrong = new int[2];
        Thread[] callers = [.. Enumerable.Range(0, 2).Select(lane => new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                int answer = CodePage.Call(wrapper);
                wrong[lane] += answer is 1 or 2 ? 0 : 1;
            }
        }))];
        Array.ForEach(callers, caller => caller.Start());
        int failed = 0;
        for (int i = 0; i < 20_000; i++)
        {
            failed += patch.TryApply(out _) && patch.TryUndo(out _) ? 0 : 1;
        }

        Volatile.Write(ref done, true);
        Array.ForEach(callers, caller => caller.Join());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed, Is.Zero);
            Assert.That(wrong, Is.All.Zero);
        }
    }

    private static CodePatch Plan(nuint wrapper, nuint stub)
    {
        CodePatch? patch = ExportPatcher.TryPlan(
            wrapper, WrapperByteCount, ExportShape.TailJump, stub, ReadExecute, out string reason);
        Assert.That(patch, Is.Not.Null, reason);
        return patch!;
    }

    private static unsafe void Poke(nuint address, int index, byte value) => ((byte*)address)[index] = value;

    private static void Refuses(nuint address, nuint byteCount, ExportShape shape, string why)
    {
        byte[] before = CodePage.BytesAt(address);
        CodePatch? patch = ExportPatcher.TryPlan(address, byteCount, shape, address + 64, ReadExecute, out string reason);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(patch, Is.Null);
            Assert.That(reason, Does.Contain(why));
            Assert.That(CodePage.BytesAt(address), Is.EqualTo(before));
        }
    }
}
