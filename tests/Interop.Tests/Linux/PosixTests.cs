// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.Win32.SafeHandles;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Tests.Actors;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>Report files and process calls, by Mono.Posix and without it.</summary>
[TestFixture(false, TestName = "With_Mono_Posix")]
[TestFixture(true, TestName = "Without_Mono_Posix")]
internal sealed class PosixTests(bool missing)
{
    private string _folder = string.Empty;

    [SetUp]
    public void SetUp()
    {
        PosixLibrary.TestHookSetMissing(missing);
        _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;
    }

    [TearDown]
    public void TearDown()
    {
        Assert.That(PosixLibrary.IsUsable, Is.EqualTo(!missing), "the way under test was the one that was used");
        PosixLibrary.TestHookSetMissing(false);
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void A_new_file_is_private_and_writable()
    {
        string path = In("new report é");
        using (SafeFileHandle? file = PosixFile.TryCreateNew(path, out int errorNumber))
        {
            Assert.That(errorNumber, Is.Zero);
            RandomAccess.Write(file!, "text"u8, 0);
        }

        Assert.That(File.ReadAllText(path), Is.EqualTo("text"));
        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    public void A_new_file_is_not_inherited_by_programs_that_are_started()
    {
        using SafeFileHandle? file = PosixFile.TryCreateNew(In("report"), out _);
        string flags = File.ReadLines($"/proc/self/fdinfo/{file!.DangerousGetHandle()}")
            .Single(line => line.StartsWith("flags:", StringComparison.Ordinal));
        Assert.That(Convert.ToInt32(flags[6..].Trim(), 8) & 0x80000, Is.Not.Zero, "O_CLOEXEC");
    }

    [Test]
    public void An_existing_file_is_refused_and_left_alone()
    {
        File.WriteAllText(In("old"), "old");
        Assert.That(PosixFile.TryCreateNew(In("old"), out int errorNumber), Is.Null);
        Assert.That(errorNumber, Is.EqualTo(ErrorNumber.EEXIST));
        Assert.That(File.ReadAllText(In("old")), Is.EqualTo("old"));
    }

    [Test]
    public void A_symbolic_link_is_not_followed_even_where_it_points_to_nothing()
    {
        File.CreateSymbolicLink(In("link"), In("target"));
        Assert.That(PosixFile.TryCreateNew(In("link"), out int errorNumber), Is.Null);
        Assert.That(errorNumber, Is.EqualTo(ErrorNumber.EEXIST).Or.EqualTo(ErrorNumber.ELOOP));
        Assert.That(File.Exists(In("target")), Is.False);
    }

    [Test]
    public void A_missing_folder_is_an_error_number()
    {
        Assert.That(PosixFile.TryCreateNew(In("missing/report"), out int errorNumber), Is.Null);
        Assert.That(errorNumber, Is.EqualTo(ErrorNumber.ENOENT));
    }

    [Test]
    public void A_rename_replaces_and_an_unlink_removes()
    {
        File.WriteAllText(In("a"), "a");
        File.WriteAllText(In("b"), "b");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(PosixFile.Rename(In("a"), In("b")), Is.Zero);
            Assert.That(File.ReadAllText(In("b")), Is.EqualTo("a"));
            Assert.That(File.Exists(In("a")), Is.False);
            Assert.That(PosixFile.Rename(In("a"), In("c")), Is.EqualTo(ErrorNumber.ENOENT));
            Assert.That(PosixFile.Unlink(In("b")), Is.Zero);
            Assert.That(File.Exists(In("b")), Is.False);
            Assert.That(PosixFile.Unlink(In("b")), Is.EqualTo(ErrorNumber.ENOENT));
        }
    }

    [Test]
    public void The_kernel_has_the_same_name_either_way()
    {
        Assert.That(PosixProcess.KernelName(), Does.StartWith("Linux ").And.EndsWith(" x86_64"));
        Assert.That(PosixProcess.KernelName(), Is.EqualTo(PosixProcess.KernelNameBySyscall()));
    }

    [TestCase(15)]
    [TestCase(2)]
    [TestCase(9)]
    public void A_signal_raised_by_default_ends_the_process_with_that_signal(int signal)
    {
        ActorEnding ending = ActorProcess.Run("raise-default", $"{signal}", $"{missing}");
        Assert.That(ending.ExitCode, Is.EqualTo(128 + signal), ending.ToString());
    }

    [Actor("raise-default")]
    public static int RaiseDefault(string[] arguments)
    {
        PosixLibrary.TestHookSetMissing(bool.Parse(arguments[1]));

        // A handler and a block, both of which must not help.
        using var registration = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGTERM, context => context.Cancel = true);
        PosixProcess.RaiseDefault(0); // no signal: nothing happens
        PosixProcess.RaiseDefault(int.Parse(arguments[0]));
        Thread.Sleep(10_000); // the signal may be taken by another thread
        return 1;
    }

    private string In(string name) => Path.Combine(_folder, name);
}
