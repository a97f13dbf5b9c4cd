// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the settings that the tool leaves for a process it attaches to.
// Who calls it: StartupHook, when it was not the environment that switched it on and Main runs already.
// The one idea: the environment of a running process cannot be changed from outside so that managed code is sure to see it;
// a file that only its owner can write or read can be left where both look, and goes with the first look.
using System.Globalization;

namespace NativeLeak.Injection;

/// <summary>Reads <c>nativeleak-{pid}-attach</c>: the level on the first line, options on the second.</summary>
internal static class AttachSettings
{
    /// <summary>Under these names the detector's own reader of options finds the texts, in whatever context it lies.</summary>
    public const string LevelData = "NativeLeak.Attach.Level", OptionsData = "NativeLeak.Attach.Options";

    private const int MaximumByteCount = 16 * 1024;

    /// <summary>Whether the runtime calls the hook late: before Main it does on the first thread.</summary>
    public static bool MayBeThere => Environment.CurrentManagedThreadId != 1;

    /// <summary>Takes the settings, if they are there.</summary>
    public static bool TryTake()
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"nativeleak-{Environment.ProcessId}-attach");
        return TryTake(Path.Join(Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } folder ? folder : "/tmp", name))
            || TryTake(Path.Join("/tmp", name));
    }

    internal static bool TryTake(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return false;
        }

        FileInfo file = new(path);
        if (!file.Exists || file.LinkTarget is not null || file.Length > MaximumByteCount
            || file.UnixFileMode != (UnixFileMode.UserRead | UnixFileMode.UserWrite) || !FileOwner.IsThisUser(path))
        {
            return false;
        }

        string[] lines = File.ReadAllText(path).Split('\n');
        File.Delete(path);
        AppContext.SetData(LevelData, lines[0].Trim());
        AppContext.SetData(OptionsData, lines.Length > 1 ? lines[1].Trim() : string.Empty);
        return HookSettings.IsOn(lines[0]);
    }
}
