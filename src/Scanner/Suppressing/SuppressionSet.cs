// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Reporting;

namespace NativeLeak.Suppressing;

/// <summary>The suppressions that hold for one report: those of the files, in their order, then those of attributes.</summary>
internal sealed class SuppressionSet
{
    private readonly List<Suppression> _fromFiles;
    private readonly List<Suppression> _fromAttributes = [];
    private readonly SuppressingAttributes _attributes = new();
    private readonly Dictionary<CallFrame, (string? Module, string Method)> _names = [];
    private readonly DateOnly _today;

    /// <summary>Reads the files and leaves out what does not hold any more.</summary>
    /// <param name="paths">The option <c>suppressions</c>.</param>
    /// <param name="today">The day, UTC.</param>
    public SuppressionSet(string paths, DateOnly today)
    {
        _today = today;
        List<Suppression> read = [];
        SuppressionFile.Read(paths, read, Warnings);
        _fromFiles = [.. read.Where(Holds)];
    }

    /// <summary>What was wrong, and what has run out.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>All that hold, whether they hid anything or not.</summary>
    public IEnumerable<Suppression> All => _fromFiles.Concat(_fromAttributes);

    /// <summary>The suppressions that fit a group of blocks, in the order in which they count.</summary>
    public IReadOnlyList<Suppression> Find(ListedGroup group)
    {
        List<(string? Module, string Method)> names = [.. group.Site.Frames.Select(Name)];
        Suppression[] marked = [.. _attributes.Find(group.Site, Warnings).Distinct().Where(Holds)];
        _fromAttributes.AddRange(marked.Except(_fromAttributes));
        return [.. _fromFiles.Concat(marked).Where(suppression => suppression.Fits(group, names))];
    }

    private bool Holds(Suppression suppression)
    {
        if (suppression.LastDay >= _today)
        {
            return true;
        }

        string warning = string.Create(CultureInfo.InvariantCulture,
            $"{suppression.Source}: the suppression has run out ({suppression.LastDay:yyyy-MM-dd}) and hides nothing");
        if (!Warnings.Contains(warning))
        {
            Warnings.Add(warning);
        }

        return false;
    }

    private (string? Module, string Method) Name(CallFrame frame)
    {
        if (!_names.TryGetValue(frame, out (string? Module, string Method) name))
        {
            name = frame.Method is { } method
                ? (method.Module.Assembly.GetName().Name, MethodNames.Describe(method))
                : (frame.AssemblyName, frame.Name ?? string.Empty);
            _names.Add(frame, name);
        }

        return name;
    }
}
