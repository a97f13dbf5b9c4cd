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

    // By module, or by file and build where the module may be gone.
    private readonly Dictionary<object, MetadataReaderProvider?> _modules = [];
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
            return TryFindLine(GetReader(method.Module), method.MetadataToken, offset, out file, out line);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A damaged PDB, a dynamic method without a token: no line is the honest answer.
            return false;
        }
    }

    /// <summary>The same for a method whose assembly may be unloaded: by its file, if that still is the same
    /// build.</summary>
    public bool TryFind(string modulePath, Guid moduleVersion, int token, int offset, out string file, out int line)
    {
        (file, line) = (string.Empty, 0);
        if (offset < 0 || IsOverBudget())
        {
            return false;
        }

        try
        {
            return TryFindLine(GetReader(modulePath, moduleVersion), token, offset, out file, out line);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // As above.
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
        MetadataReaderProvider? provider, int token, int offset, out string file, out int line)
    {
        (file, line) = (string.Empty, 0);
        MetadataReader? reader = provider?.GetMetadataReader();
        int row = token & HighestRow;
        if (reader is null || row == 0 || row > reader.MethodDebugInformation.Count)
        {
            return false;
        }

        MethodDebugInformationHandle handle = MetadataTokens.MethodDebugInformationHandle(row);
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
        bool isFramework = FrameworkCode.Owns(module.Assembly);
        return GetReader(module, () => Open(module.Assembly), isFramework ? null : module.Assembly.GetName().Name);
    }

    private MetadataReaderProvider? GetReader(string path, Guid version)
        => GetReader((path, version), () => Open(path, version), Path.GetFileNameWithoutExtension(path));

    private MetadataReaderProvider? GetReader(object key, Func<MetadataReaderProvider?> open, string? nameIfMissing)
    {
        if (_modules.TryGetValue(key, out MetadataReaderProvider? known))
        {
            return known;
        }

        MetadataReaderProvider? provider = null;
        try
        {
            provider = open();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Unreadable or damaged files count as missing; that is said once, below.
        }

        if (provider is null && nameIfMissing is not null && !_missing.Contains(nameIfMissing))
        {
            _missing.Add(nameIfMissing);
        }

        return _modules[key] = provider;
    }

    private static MetadataReaderProvider? Open(Assembly assembly)
    {
        string path = assembly.IsDynamic ? string.Empty : AssemblyPath(assembly);
        return path.Length == 0 ? OpenBundled(assembly) : Open(path, Guid.Empty);
    }

    // The version is asked for where the file may have been replaced since it was loaded.
    private static MetadataReaderProvider? Open(string path, Guid version)
    {
        using PEReader image = new(File.OpenRead(path));
        if (version != Guid.Empty)
        {
            MetadataReader metadata = image.GetMetadataReader();
            if (metadata.GetGuid(metadata.GetModuleDefinition().Mvid) != version)
            {
                return null;
            }
        }

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
