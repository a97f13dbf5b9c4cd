// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Injection;

namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>What the tool leaves for a process is taken once, and only if nobody else can have written it.</summary>
[TestFixture]
internal sealed class AttachSettingsTests
{
    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-test-").FullName;

    [TearDown]
    public void Clean()
    {
        Directory.Delete(_folder, recursive: true);
        AppContext.SetData(AttachSettings.LevelData, null);
        AppContext.SetData(AttachSettings.OptionsData, null);
    }

    [Test]
    public void TheLevelAndTheOptionsAreTakenAndTheFileGoes()
    {
        string path = Write("sample\nmin_age=1s,control=1\n", OwnersOnly);
        Assert.That(AttachSettings.TryTake(path), Is.True);
        Assert.That(AppContext.GetData(AttachSettings.LevelData), Is.EqualTo("sample"));
        Assert.That(AppContext.GetData(AttachSettings.OptionsData), Is.EqualTo("min_age=1s,control=1"));
        Assert.That(File.Exists(path), Is.False);
        Assert.That(AttachSettings.TryTake(path), Is.False, "once");
    }

    [Test]
    public void OffIsOff() => Assert.That(AttachSettings.TryTake(Write("off\n", OwnersOnly)), Is.False);

    [TestCase(OwnersOnly | UnixFileMode.OtherWrite)]
    [TestCase(OwnersOnly | UnixFileMode.GroupRead)]
    public void AFileThatOthersMayUseIsLeftAlone(UnixFileMode mode)
    {
        string path = Write("on\n", mode);
        Assert.That(AttachSettings.TryTake(path), Is.False);
        Assert.That(File.Exists(path), Is.True);
        Assert.That(AppContext.GetData(AttachSettings.LevelData), Is.Null);
    }

    [Test]
    public void ALinkIsLeftAlone()
    {
        string target = Write("on\n", OwnersOnly), link = Path.Join(_folder, "link");
        File.CreateSymbolicLink(link, target);
        Assert.That(AttachSettings.TryTake(link), Is.False);
        Assert.That(AttachSettings.TryTake(target), Is.True, "the control");
    }

    // Who may write to the folder could leave one for a process of root's.
    [Test]
    public void AFileOfAnotherUsersIsLeftAlone()
    {
        string path = Write("on\n", OwnersOnly);
        Assert.That(FileOwner.IsThisUser(path), Is.True, "the control");
        if (Environment.IsPrivilegedProcess)
        {
            Assert.That(ChildProcess.Run("chown", ["12345", path]).ExitCode, Is.Zero);
            Assert.That(AttachSettings.TryTake(path), Is.False);
            Assert.That(File.Exists(path), Is.True);
        }
        else
        {
            Assert.That(FileOwner.IsThisUser("/etc/passwd"), Is.False, "it is root's");
        }

        Assert.That(FileOwner.IsThisUser(path + "-missing"), Is.False);
    }

    [Test]
    public void AHugeFileIsLeftAlone()
        => Assert.That(AttachSettings.TryTake(Write("on\n" + new string('x', 100_000), OwnersOnly)), Is.False);

    private string Write(string text, UnixFileMode mode)
    {
        string path = Path.Join(_folder, "settings");
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, mode);
        return path;
    }
}
