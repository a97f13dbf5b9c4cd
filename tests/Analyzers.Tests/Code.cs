// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Formatting;
using Microsoft.CodeAnalysis.Simplification;
using Microsoft.CodeAnalysis.Text;

namespace NativeLeak.Analyzers.Tests;

/// <summary>Compiles a piece of source and lets analyzers and fixes loose on it.</summary>
internal static class Code
{
    private const string Usings = """
        using System;
        using System.Runtime.InteropServices;
        using System.Threading.Tasks;

        """;

    private static readonly CSharpParseOptions s_parse = CSharpParseOptions.Default.WithLanguageVersion(LanguageVersion.CSharp13);

    private static readonly CSharpCompilationOptions s_options = new(
        OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable);

    private static readonly Lazy<MetadataReference[]> s_references = new(() =>
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal)
                || Path.GetFileName(path).StartsWith("NativeLeak.", StringComparison.Ordinal)
                || Path.GetFileName(path) is "netstandard.dll" or "mscorlib.dll")
            .Select(path => MetadataReference.CreateFromFile(path)),
    ]);

    public static IReadOnlyList<MetadataReference> References => s_references.Value;

    public static CSharpParseOptions ParseOptions => s_parse;

    /// <summary>A method's body as a compilable file.</summary>
    public static string InMethod(string body, string members = "") => Usings + $$"""
        internal unsafe class Sample
        {
            {{members}}

            private static void Work() { }
            private static int Length() => 3;
            private static void Keep(nint pointer) { }

            public void Method(bool flag)
            {
                {{body}}
            }
        }

        """;

    public static CSharpCompilation Compile(string source)
    {
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Sample", [CSharpSyntaxTree.ParseText(source, s_parse, "Sample.cs")], References, s_options);
        Assert.That(compilation.GetDiagnostics().Where(problem => problem.Severity == DiagnosticSeverity.Error), Is.Empty, source);
        return compilation;
    }

    /// <summary>What an analyzer finds, as "id: text at 'source'".</summary>
    public static ImmutableArray<Diagnostic> Analyze(DiagnosticAnalyzer analyzer, string source)
    {
        CompilationWithAnalyzers run = Compile(source).WithAnalyzers(
            [analyzer], new CompilationWithAnalyzersOptions(
                new AnalyzerOptions([]), onAnalyzerException: null, concurrentAnalysis: false, logAnalyzerExecutionTime: false));
        ImmutableArray<Diagnostic> found = run.GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult();
        Assert.That(found.Where(problem => problem.Id == "AD0001"), Is.Empty);
        return found.Sort(static (a, b) => a.Location.SourceSpan.Start.CompareTo(b.Location.SourceSpan.Start));
    }

    /// <summary>The source a diagnostic is about.</summary>
    public static string TextOf(Diagnostic diagnostic)
        => diagnostic.Location.SourceTree!.GetText().ToString(diagnostic.Location.SourceSpan);

    /// <summary>The source after the first offered fix of the first finding; null when none is offered. It must compile.</summary>
    public static string? Fix(DiagnosticAnalyzer analyzer, CodeFixProvider provider, string source)
    {
        using AdhocWorkspace workspace = new();
        ProjectId id = ProjectId.CreateNewId();
        Document document = workspace.CurrentSolution
            .AddProject(ProjectInfo.Create(id, VersionStamp.Default, "Sample", "Sample", LanguageNames.CSharp,
                compilationOptions: s_options, parseOptions: s_parse, metadataReferences: References))
            .AddDocument(DocumentId.CreateNewId(id), "Sample.cs", SourceText.From(source))
            .GetProject(id)!.Documents.Single();
        Compilation compilation = document.Project.GetCompilationAsync().GetAwaiter().GetResult()!;
        Diagnostic found = compilation.WithAnalyzers([analyzer]).GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult()
            .OrderBy(problem => problem.Location.SourceSpan.Start).First();
        Assert.That(provider.FixableDiagnosticIds, Does.Contain(found.Id));
        List<CodeAction> actions = [];
        provider.RegisterCodeFixesAsync(new CodeFixContext(document, found, (action, _) => actions.Add(action), default)).GetAwaiter().GetResult();
        if (actions.Count == 0)
        {
            return null;
        }

        ApplyChangesOperation change = actions[0].GetOperationsAsync(default).GetAwaiter().GetResult().OfType<ApplyChangesOperation>().Single();
        Document changed = change.ChangedSolution.GetDocument(document.Id)!;
        changed = Simplifier.ReduceAsync(changed).GetAwaiter().GetResult();
        changed = Formatter.FormatAsync(changed, Formatter.Annotation).GetAwaiter().GetResult();
        string text = changed.GetTextAsync().GetAwaiter().GetResult().ToString();
        _ = Compile(text);
        return text;
    }
}
