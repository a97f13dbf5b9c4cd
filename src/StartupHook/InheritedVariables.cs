// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace NativeLeak.Injection;

/// <summary>Takes our variables out of this process's environment, so that what it starts by Process.Start runs plain.</summary>
/// <remarks>Programs started by native code (system, exec) still see them: the C library keeps its own copy.</remarks>
internal static class InheritedVariables
{
    private const string HooksVariable = "DOTNET_STARTUP_HOOKS";

    /// <summary>Removes <c>NATIVELEAK</c>, <c>NATIVELEAK_*</c> and our entry among the startup hooks; others' stay.</summary>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A bundled hook is named by no path.")]
    public static void Remove(Assembly hook)
    {
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable.Key is string name && (name == HookSettings.LevelVariable
                || name.StartsWith(HookSettings.VariablePrefix, StringComparison.Ordinal)))
            {
                Environment.SetEnvironmentVariable(name, null);
            }
        }

        string? hooks = Environment.GetEnvironmentVariable(HooksVariable);
        if (hooks is not null)
        {
            Environment.SetEnvironmentVariable(HooksVariable, WithoutHook(hooks, hook.Location, hook.GetName().Name!));
        }
    }

    /// <summary>The list without the entries that mean this hook; null when nothing is left.</summary>
    internal static string? WithoutHook(string hooks, string location, string simpleName)
    {
        List<string> others = [];
        foreach (string entry in hooks.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            if (entry != simpleName && entry != location && Path.GetFileName(entry) != simpleName + ".dll")
            {
                others.Add(entry);
            }
        }

        return others.Count == 0 ? null : string.Join(Path.PathSeparator, others);
    }
}
