// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the source generator of the package.
// Who calls it: the compiler, in every project that has the package.
// The one idea: what it makes depends on values only (places, names, numbers), so that typing elsewhere costs nothing.
using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace NativeLeak.Analyzers.Interceptors;

/// <summary>Leads direct calls of allocating and freeing members of Marshal and NativeMemory to the recorder.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class InterceptorGenerator : IIncrementalGenerator
{
    /// <summary>Name of the file with the interceptors.</summary>
    internal const string InterceptorsFile = "NativeLeak.Interceptors.g.cs";

    /// <summary>Name of the file that starts the detector.</summary>
    internal const string ModuleStartFile = "NativeLeak.ModuleStart.g.cs";

    /// <summary>Name of the step that finds calls, for tests of what is done again.</summary>
    internal const string CallsStep = "Calls";

    // The first language version with types of one file, which keep our names out of everybody's way.
    private const LanguageVersion FirstVersion = LanguageVersion.CSharp11;

    private sealed record Target(string Assembly, bool HasDetector, bool HasStart, bool IsProgram);

    /// <summary>Lays out the work. Called once by the compiler.</summary>
    /// <param name="context">Where it is laid out.</param>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValueProvider<InterceptionSettings> settings = context.AnalyzerConfigOptionsProvider
            .Select(static (provider, _) => InterceptionSettings.From(provider.GlobalOptions));
        IncrementalValueProvider<bool> isNewEnough = context.ParseOptionsProvider
            .Select(static (options, _) => options is CSharpParseOptions { LanguageVersion: >= FirstVersion });
        IncrementalValueProvider<Target> target = context.CompilationProvider.Select(static (compilation, _) => new Target(
            compilation.AssemblyName ?? string.Empty,
            compilation.GetTypeByMetadataName("NativeLeak.CompilerServices.Interception") is not null,
            compilation.GetTypeByMetadataName("NativeLeak.CompilerServices.AutoStart") is not null,
            compilation.Options.OutputKind is OutputKind.ConsoleApplication or OutputKind.WindowsApplication));
        IncrementalValueProvider<ImmutableArray<InterceptedCall>> calls = context.SyntaxProvider
            .CreateSyntaxProvider(static (node, _) => CallFinder.IsCandidate(node), CallFinder.Find)
            .Where(static call => call is not null)
            .Select(static (call, _) => call!)
            .WithTrackingName(CallsStep)
            .Collect();

        context.RegisterSourceOutput(
            calls.Combine(target).Combine(settings).Combine(isNewEnough),
            static (output, input) =>
            {
                (((ImmutableArray<InterceptedCall> found, Target project), InterceptionSettings wanted), bool canWrite) = input;
                if (found.Length > 0 && canWrite && project.HasDetector && wanted.Intercepts)
                {
                    output.AddSource(InterceptorsFile, SourceText.From(InterceptorSource.Write(project.Assembly, found), Encoding.UTF8));
                }
            });
        context.RegisterSourceOutput(
            target.Combine(settings).Combine(isNewEnough),
            static (output, input) =>
            {
                ((Target project, InterceptionSettings wanted), bool canWrite) = input;
                if (canWrite && project.HasStart && project.IsProgram && wanted.StartsInModule)
                {
                    output.AddSource(ModuleStartFile, SourceText.From(InterceptorSource.ModuleStart, Encoding.UTF8));
                }
            });
    }
}
