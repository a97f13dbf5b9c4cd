// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Where the startup hook enters, by reflection. Sixteen letters with its namespace: the runtime reads longer names of
/// types with code that it compiles before Main.</summary>
internal static class Entry
{
    /// <summary>Starts the detector as the environment asks. Never throws.</summary>
    /// <param name="injectFolder">The folder NativeLeak was loaded from.</param>
    public static void Start(string injectFolder) => Startup.Start(injectFolder);
}
