// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Soak;

/// <summary>The command line.</summary>
internal sealed record SoakOptions(int SnapshotCount)
{
    public const string Usage = "usage: soak [--snapshots N]";

    private const int DefaultSnapshotCount = 1000;

    /// <summary>Reads the words; null when they are wrong.</summary>
    public static SoakOptions? Parse(IReadOnlyList<string> arguments) => arguments switch
    {
        [] => new SoakOptions(DefaultSnapshotCount),
        ["--snapshots", string text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && count > 0 => new SoakOptions(count),
        _ => null,
    };
}
