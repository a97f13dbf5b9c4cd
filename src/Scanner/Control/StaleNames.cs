// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: takes away the names of control channels whose processes were killed before they could.
// Who calls it: ControlServer when it opens; the tool when it lists processes.
// The one idea: a name goes only if its process is gone and nobody listens: in a folder that containers share, a process of
// another one looks gone and listens.
using System.Runtime.Versioning;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Control;

/// <summary>Names that nobody needs.</summary>
[SupportedOSPlatform("linux")]
internal static class StaleNames
{
    // A folder for temporary files can hold a great many.
    private const int MostFiles = 20_000;

    /// <summary>Removes them, as far as the system lets us. Never throws for what it does not.</summary>
    /// <returns>How many went.</returns>
    public static int Remove(string directory)
    {
        int removed = 0, seen = 0;
        try
        {
            foreach (string path in Directory.EnumerateFiles(directory))
            {
                if (++seen > MostFiles)
                {
                    break;
                }

                if (ControlName.TryParse(Path.GetFileName(path), out ControlName name)
                    && !name.IsAlive && !LocalSocket.IsListening(path) && LocalSocket.Remove(path) == 0)
                {
                    removed++;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not ours to read: then not ours to clean.
        }

        return removed;
    }
}
