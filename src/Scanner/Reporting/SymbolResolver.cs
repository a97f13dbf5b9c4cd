// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: turns (method, IL offset) into file and line by the portable PDBs beside or inside the assemblies.
// Who calls it: ReportBuilder on the scanner thread, for the groups that are shown.
// The one idea: the line is that of the last visible sequence point at or before the offset, as the runtime itself does
// it; whatever cannot be read costs a line number, never a report.
using System.Diagnostics;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace NativeLeak.Reporting;

/// <summary>Source lines for one report. Lazy, cached per module, bounded in time, never throws. Not
/// thread-safe.</summary>
internal sealed class SymbolResolver(TimeSpan budget) : IDisposable
{
    private const int HighestRow = 0x00FF_FFFF;

    private readonly Dictionary<Module, MetadataReaderProvider?> _modules = [];
    private readonly List<string> _missing = [];
    private readonly Stopwatch _watch = Stopwatch.StartNew();

    /// <summary>Simple names of the assemblies, framework apart, that have no usable PDB.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Whether the time budget ended the search for lines.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>Finds the source line of an IL offset.</summary>
    public bool TryFind(MethodBase method, int offset, out string file, out int line)
    {
        (file, line) = (string.Empty, 0);
        if (offset < 0 || IsOverBudget())
        {
            return false;
        }

        try
        {
            MetadataReader? reader = GetReader(method.Module)?.GetMetadataReader();
            int row = method.MetadataToken & HighestRow;
            if (reader is null || row == 0 || row > reader.MethodDebugInformation.Count)
            {
                return false;
            }

            return TryFindLine(reader, MetadataTokens.MethodDebugInformationHandle(row), offset, out file, out line);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A damaged PDB, a dynamic method without a token: no line is the honest answer.
            return false;
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (MetadataReaderProvider? provider in _modules.Values)
        {
            provider?.Dispose();
        }

        _modules.Clear();
    }

    private static bool TryFindLine(
        MetadataReader reader, MethodDebugInformationHandle handle, int offset, out string file, out int line)
    {
        (file, line) = (string.Empty, 0);
        DocumentHandle document = default;
        foreach (SequencePoint point in reader.GetMethodDebugInformation(handle).GetSequencePoints())
        {
            if (point.Offset > offset)
            {
                break;
            }

            if (!point.IsHidden)
            {
                (document, line) = (point.Document, point.StartLine);
            }
        }

        if (document.IsNil)
        {
            return false;
        }

        file = reader.GetString(reader.GetDocument(document).Name);
        return true;
    }

    private bool IsOverBudget() => IsExhausted = IsExhausted || _watch.Elapsed > budget;

    private MetadataReaderProvider? GetReader(Module module)
    {
        if (_modules.TryGetValue(module, out MetadataReaderProvider? known))
        {
            return known;
        }

        MetadataReaderProvider? provider = null;
        try
        {
            provider = Open(module.Assembly);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Unreadable or damaged files count as missing; that is said once, below.
        }

        if (provider is null && !FrameworkCode.Owns(module.Assembly))
        {
            _missing.Add(module.Assembly.GetName().Name ?? module.Name);
        }

        return _modules[module] = provider;
    }

    private static MetadataReaderProvider? Open(Assembly assembly)
    {
        string path = assembly.IsDynamic ? string.Empty : AssemblyPath(assembly);
        if (path.Length == 0)
        {
            return OpenBundled(assembly);
        }

        using PEReader image = new(File.OpenRead(path));
        return image.TryOpenAssociatedPortablePdb(path, OpenIfThere, out MetadataReaderProvider? provider, out _)
            ? provider
            : null;
    }

    // A single-file application has no assembly files; its publisher puts the PDBs beside the executable.
    private static MetadataReaderProvider? OpenBundled(Assembly assembly)
    {
        string path = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".pdb");
        return !assembly.IsDynamic && OpenIfThere(path) is { } stream
            ? MetadataReaderProvider.FromPortablePdbStream(stream)
            : null;
    }

    [System.Diagnostics.CodeAnalysis.UnconditionalSuppressMessage("SingleFile", "IL3000",
        Justification = "An empty path is what tells a bundled assembly from one with a file.")]
    private static string AssemblyPath(Assembly assembly) => assembly.Location;

    private static FileStream? OpenIfThere(string path) => File.Exists(path) ? File.OpenRead(path) : null;
}
