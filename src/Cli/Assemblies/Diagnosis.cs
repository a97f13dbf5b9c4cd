// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;
using NativeLeak.Cli.Terminals;
using NativeLeak.Reporting;

namespace NativeLeak.Cli.Assemblies;

/// <summary>What the detector will see of an application.</summary>
internal sealed class Diagnosis
{
    private static readonly string[] s_own = ["NativeLeak.Interop", "NativeLeak.NativeHeap", "NativeLeak.Scanner", "NativeLeak.StartupHook"];

    private readonly List<AssemblyFacts> _assemblies = [];
    private readonly string _application;

    private Diagnosis(string application) => _application = application;

    /// <summary>Reads an application and the assemblies beside it.</summary>
    /// <exception cref="ToolException">The file is not there, or is no assembly.</exception>
    public static Diagnosis Of(string application)
    {
        if (!File.Exists(application))
        {
            throw new ToolException($"{application} is not there");
        }

        Diagnosis diagnosis = new(application);
        if (AssemblyFacts.Read(application) is not { } first)
        {
            throw new ToolException($"{application} is not a managed assembly (of a single-file application, name the .dll that was published into it)");
        }

        diagnosis._assemblies.Add(first);
        string folder = Path.GetDirectoryName(Path.GetFullPath(application))!;
        foreach (string file in Directory.EnumerateFiles(folder, "*.dll").Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            if (name != first.Name && !s_own.Contains(name) && AssemblyFacts.Read(file) is { } facts)
            {
                diagnosis._assemblies.Add(facts);
            }
        }

        return diagnosis;
    }

    /// <summary>As text.</summary>
    public string ToText()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{TerminalText.Escape(_application)}: {_assemblies.Count} assemblies read\n\n");
        Section(text, "Unmanaged memory is allocated by", "nothing in these assemblies names an API that allocates unmanaged memory",
        [
            .. from facts in _assemblies
               from call in facts.Calls
               select (string[])[facts.Name, call.Key, Places(call.Value), facts.SeenWithoutHook.Contains(call.Key)
                   ? "seen in every tier" : "seen through the runtime hook (run, attach, DOTNET_STARTUP_HOOKS)"],
        ]);
        Section(text, "Native libraries are called by", "no native library is called",
        [
            .. from facts in _assemblies
               from import in facts.Imports
               select (string[])[facts.Name, import.Key, string.Create(CultureInfo.InvariantCulture, $"{import.Value} function(s)"),
                   "what it allocates for itself is not seen"],
        ]);
        Section(text, "Debug information is missing for (reports then name methods, not lines)", "debug information is there for every assembly",
            [.. _assemblies.Where(static facts => !facts.HasSymbols && facts.Problem is null).Select(static facts => (string[])[facts.Name])]);
        string[][] problems = [.. _assemblies.Where(static facts => facts.Problem is not null).Select(static facts => (string[])[facts.Name, facts.Problem!])];
        if (problems.Length > 0)
        {
            Section(text, "Could not be read", string.Empty, problems);
        }

        text.Append("Calls by reflection and by generated code at run time cannot be read here; the hook sees them. .NET's own assemblies were not read.\n");
        return text.ToString();
    }

    private static void Section(StringBuilder text, string title, string nothing, IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0)
        {
            text.Append(nothing).Append("\n\n");
            return;
        }

        text.Append(title).Append(":\n");
        foreach (string line in PlainTable.Write(rows).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            text.Append("  ").Append(line).Append('\n');
        }

        text.Append('\n');
    }

    private static string Places(int count) => string.Create(CultureInfo.InvariantCulture, $"{count} place(s)");
}
