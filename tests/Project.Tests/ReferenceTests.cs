// Licensed under the MIT License. See LICENSE in the repository root.
using System.Xml.Linq;

namespace NativeLeak.Project.Tests;

/// <summary>A stage uses earlier stages only: Cli → Scanner → NativeHeap → Interop.</summary>
[TestFixture]
internal sealed class ReferenceTests
{
    private static readonly string[] s_order = ["Interop", "NativeHeap", "Scanner", "Cli"];

    /// <summary>Projects outside the chain, and what they may reference.</summary>
    private static readonly Dictionary<string, string[]> s_others = new()
    {
        ["StartupHook"] = [],
        ["Analyzers"] = [],
        ["Analyzers.CodeFixes"] = ["Analyzers"],
        ["Package"] = [],
    };

    [Test]
    public void EveryProjectReferencesOnlyWhatItMay() => Assert.That(
        from path in Projects()
        let project = Path.GetFileName(Path.GetDirectoryName(path)!)
        from reference in References(path)
        where !Allowed(project).Contains(reference)
        select $"{project} → {reference}",
        Is.Empty);

    [Test]
    public void EveryProjectHasItsRule() => Assert.That(
        Projects().Select(path => Path.GetFileName(Path.GetDirectoryName(path)!)),
        Is.SubsetOf(s_order.Concat(s_others.Keys)));

    [Test]
    public void NothingUnderSrcIsReferencedByTheSamples() => Assert.That(
        SourceTree.TextFiles.Where(path => path.StartsWith("samples/", StringComparison.Ordinal)
            && path.EndsWith(".csproj", StringComparison.Ordinal) && SourceTree.Text(path).Contains("src/", StringComparison.Ordinal)),
        Is.Empty);

    [Test]
    public void TheInjectedTrampolineHasNoPackages() => Assert.That(
        SourceTree.Text("src/StartupHook/NativeLeak.StartupHook.csproj"), Does.Not.Contain("PackageReference"));

    private static IEnumerable<string> Projects() => SourceTree.TextFiles
        .Where(path => path.StartsWith("src/", StringComparison.Ordinal) && path.EndsWith(".csproj", StringComparison.Ordinal));

    private static IEnumerable<string> References(string path) => XDocument.Parse(SourceTree.Text(path))
        .Descendants("ProjectReference")
        .Select(reference => Path.GetFileName(Path.GetDirectoryName(reference.Attribute("Include")!.Value.Replace('\\', '/'))!));

    private static string[] Allowed(string project)
        => s_others.GetValueOrDefault(project) ?? s_order[..Math.Max(0, Array.IndexOf(s_order, project))];
}
