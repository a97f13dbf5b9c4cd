// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Reporting;

namespace NativeLeak.Suppressing;

/// <summary>Writes for a leak the line that would suppress it (Valgrind's --gen-suppressions).</summary>
internal static class SuppressionGenerator
{
    // Enough to tell one use of a helper from another, few enough to survive changes further out.
    private const int MaximumFrames = 3;

    /// <summary>The line; null when nothing of the call path has a name.</summary>
    public static string? Write(LeakGroup group)
    {
        IEnumerable<LeakFrame> named = group.Stack.Where(static frame => frame.Assembly is not null);
        LeakFrame[] own = [.. named.Where(static frame => !frame.IsFramework).Take(MaximumFrames)];
        LeakFrame[] frames = own.Length > 0 ? own : [.. named.Take(MaximumFrames)];
        if (frames.Length == 0)
        {
            return null;
        }

        string kind = group.Kind.ToString().ToLowerInvariant();
        return "leak:" + string.Join(" ... ", frames.Select(static frame => frame.Assembly + "!" + frame.Method)) + " where kind=" + kind;
    }
}
