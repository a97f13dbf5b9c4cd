// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>The defaults that depend on the level. Whatever anybody says about such a key wins over them.</summary>
internal static class LevelDefaults
{
    // The hook is called by .NET's own methods (Marshal.StringToHGlobalUni calls AllocHGlobal), and these, in code that is not
    // optimised, by an interceptor: this many frames hold
    // the first one that is not .NET's, by which reports then count.
    private const int CountDepth = 5;

    // As many as a walk keeps.
    private const int ParanoidDepth = 64;

    // Enough for the frees of a moment; AddressSanitizer keeps 256 MiB, which a container may not have.
    private const long ParanoidQuarantineByteCount = 16 << 20;

    /// <summary>The level's own default of a key; null when it has none.</summary>
    public static object? Find(DetectorLevel level, OptionKey key)
    {
        if (level == DetectorLevel.Count)
        {
            return key == OptionKey.StackDepth ? CountDepth : null;
        }

        return level != DetectorLevel.Paranoid ? null : key switch
        {
            OptionKey.StackDepth => ParanoidDepth,
            OptionKey.Quarantine => ParanoidQuarantineByteCount,
            OptionKey.Poison => true,
            _ => null,
        };
    }
}
