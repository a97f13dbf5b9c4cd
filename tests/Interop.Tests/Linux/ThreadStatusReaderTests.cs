// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>What proc says about threads that do not answer.</summary>
internal sealed unsafe class ThreadStatusReaderTests
{
    private const string Running = "Name:\tSigBlk:\\n\nState:\tR (running)\nSigQ:\t0/95000\nSigPnd:\t0000000000000000\n"
        + "ShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\n";

    [TestCase("", "", ThreadCondition.None)]
    [TestCase("SigBlk:\t0000000000000000", "SigBlk:\t0000000200000000", ThreadCondition.Blocks)]
    [TestCase("SigBlk:\t0000000000000000", "SigBlk:\tfffffffe7ffbfeff", ThreadCondition.Blocks)]
    [TestCase("SigBlk:\t0000000000000000", "SigBlk:\tfffffffdffffffff", ThreadCondition.None)]
    [TestCase("SigPnd:\t0000000000000000", "SigPnd:\t0000000200000000", ThreadCondition.Pending)]
    [TestCase("State:\tR (running)", "State:\tZ (zombie)", ThreadCondition.Ended)]
    [TestCase("State:\tR (running)", "State:\tX (dead)", ThreadCondition.Ended)]
    [TestCase("State:\tR (running)", "State:\tD (disk sleep)", ThreadCondition.Uninterruptible)]
    public void A_status_says_what_it_says(string from, string to, ThreadCondition expected)
        => Assert.That(Parse(from.Length == 0 ? Running : Running.Replace(from, to, StringComparison.Ordinal)), Is.EqualTo(expected));

    [Test]
    public void A_status_cut_anywhere_says_no_more_than_its_complete_lines()
    {
        string text = Running.Replace("SigBlk:\t0000000000000000", "SigBlk:\tffffffffffffffff", StringComparison.Ordinal);
        for (int length = 0; length < text.Length; length++)
        {
            Assert.That(Parse(text[..length]), Is.EqualTo(ThreadCondition.None), $"cut at {length}");
        }

        Assert.That(Parse(text), Is.EqualTo(ThreadCondition.Blocks));
    }

    [TestCase("202 0x556d 0x189 0x0 0x0 0x0 0xffffffff 0x7fa2c8ed4480 0x7faf4bfc3f16\n", true)]
    [TestCase("202 0x556d 0x80 0x2 0x0 0x0 0x0 0x7fa2c8ed4480 0x7faf4bfc3f16\n", true)]
    [TestCase("202 0x556d 0x80 0x2 0x7ffd00 0x0 0x0 0x7fa2c8ed4480 0x7faf4bfc3f16\n", false)]
    [TestCase("202 0x556d 0x81 0x1 0x0 0x0 0x0 0x7fa2c8ed4480 0x7faf4bfc3f16\n", false)]
    [TestCase("202 0x556d 0x0 0x2 0x0 0x0 0x0 0x7fa2c8ed4480 0x7faf4bfc3f16\n", false)]
    [TestCase("35 0x556d 0x80 0x2 0x0 0x0 0x0 0x7fa2c8ed4480 0x7faf4bfc3f16\n", false)]
    [TestCase("202 0x556d 0x80 0x2 0x0 0x0 0x0 0x7fa2c8ed4480\n", false)]
    [TestCase("running\n", false)]
    [TestCase("-1 0x7fa2c8ed4480 0x7faf4bfc3f16\n", false)]
    [TestCase("", false)]
    public void Only_a_private_futex_wait_without_a_time_limit_is_a_sleep(string text, bool expected)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        nuint stackPointer = 1;
        fixed (byte* at = bytes)
        {
            Assert.That(ThreadStatusReader.ParseSleep(at, bytes.Length, &stackPointer), Is.EqualTo(expected));
        }

        Assert.That((ulong)stackPointer, Is.EqualTo(expected ? 0x7fa2c8ed4480 : 1UL));
    }

    [Test]
    public void A_worker_of_the_kernel_sleeps_without_a_stack()
    {
        nuint stackPointer = 1;
        ReadOnlySpan<byte> text = "425 0x4 0x7ffe10845830 0x55cef6930dd8 0x0 0x7f84a92296d0 0x0 0x0 0x0\n"u8;
        fixed (byte* at = text)
        {
            Assert.That(ThreadStatusReader.ParseSleep(at, text.Length, &stackPointer), Is.True);
        }

        Assert.That((ulong)stackPointer, Is.Zero);
    }

    [Test]
    public void A_thread_that_does_not_exist_has_ended()
    {
        RawSyscall.Initialize();
        byte* work = stackalloc byte[ThreadStatusReader.WorkByteCount];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ThreadStatusReader.Look(work, 999_999_999, 34), Is.EqualTo(ThreadCondition.Ended));
            Assert.That(ThreadStatusReader.Look(work, (int)RawSyscall.Invoke(SyscallNumber.Gettid), 34), Is.EqualTo(ThreadCondition.None));
        }
    }

    private static ThreadCondition Parse(string text)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        fixed (byte* at = bytes)
        {
            return ThreadStatusReader.Parse(at, bytes.Length, 34);
        }
    }
}
