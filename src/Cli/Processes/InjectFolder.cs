// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Processes;

/// <summary>The folder with the startup hook and its siblings that the tool brings along.</summary>
internal static class InjectFolder
{
    private const string HookName = "NativeLeak.StartupHook.dll";

    /// <summary>The assembly that DOTNET_STARTUP_HOOKS names.</summary>
    /// <exception cref="ToolException">It is not there.</exception>
    public static string Hook
    {
        get
        {
            // Beside the installed tool; or, for a build of the repository, artifacts/inject beside artifacts/bin.
            string[] folders =
            [
                Path.Join(AppContext.BaseDirectory, "inject"),
                Path.GetFullPath(Path.Join(AppContext.BaseDirectory, "..", "..", "..", "inject")),
            ];
            return folders.Select(static folder => Path.Join(folder, HookName)).FirstOrDefault(File.Exists)
                ?? throw new ToolException($"{HookName} is not in the tool's folder {folders[0]}: install the tool again");
        }
    }
}
