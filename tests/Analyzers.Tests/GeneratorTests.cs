// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using NativeLeak.Analyzers.Interceptors;
using NativeLeak.Analyzers.Members;

namespace NativeLeak.Analyzers.Tests;

/// <summary>The generator alone: what it writes, and that the compiler takes it.</summary>
[TestFixture]
internal sealed class GeneratorTests
{
    private const string Program = """
        using System;
        using System.Linq.Expressions;
        using System.Runtime.InteropServices;
        using M = System.Runtime.InteropServices.Marshal;
        using static System.Runtime.InteropServices.Marshal;

        nint a = Marshal.AllocHGlobal(8);
        nint b = M.AllocHGlobal((nint)8);
        nint c = AllocHGlobal(8);
        Func<nint> later = () => Marshal.StringToHGlobalUni("x");
        Expression<Func<nint>> described = () => Marshal.AllocHGlobal(9);
        Func<int, nint> group = Marshal.AllocHGlobal;
        Marshal.FreeHGlobal(a);
        Marshal.FreeHGlobal(later());
        unsafe
        {
            void* d = NativeMemory.AlignedAlloc(8, 16);
            NativeMemory.AlignedFree(d);
        }

        namespace Deep
        {
            internal class Outer<T>
            {
                private nint _field = Marshal.AllocCoTaskMem(4);

                internal nint Get(in int n, string[] words)
                {
                    nint Local() => Marshal.AllocHGlobal(3);
                    return Local() + Marshal.AllocHGlobal(1) + Marshal.AllocHGlobal(2);
                }
            }
        }

        """;

    [Test]
    public void The_compiler_intercepts_every_direct_call()
    {
        (CSharpCompilation compilation, string text) = Generate(Program);
        ImmutableArray<Diagnostic> problems = compilation.GetDiagnostics();
        Assert.That(problems.Where(problem => problem.Severity == DiagnosticSeverity.Error), Is.Empty);
        Assert.That(text.Split("InterceptsLocation(").Length - 1, Is.EqualTo(12), text);
        using MemoryStream image = new();
        Assert.That(compilation.Emit(image).Success, Is.True);
    }

    [Test]
    public void A_site_is_told_with_file_line_and_member_as_reports_name_it()
    {
        string text = Generate(Program).Text;
        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Contain(@"Program.cs\t7\tProgram.Main(string[])\t1\n"));
            Assert.That(text, Does.Contain(@"Program.cs\t8\tProgram.Main(string[])\t1\n"), "the overload counts for itself");
            Assert.That(text, Does.Contain(@"Program.cs\t9\tProgram.Main(string[])\t2\n"));
            Assert.That(text, Does.Contain(@"Program.cs\t10\tProgram.Main+lambda()\t1\n"));
            Assert.That(text, Does.Contain(@"Program.cs\t25\tDeep.Outer<T>..ctor()\t1\n"));
            Assert.That(text, Does.Contain(@"Program.cs\t29\tDeep.Outer<T>.Get+Local()\t1\n"));
            Assert.That(text, Does.Contain(@"Program.cs\t30\tDeep.Outer<T>.Get(in int, string[])\t2"));
        });
    }

    [TestCase("NativeLeakIntercept", "false")]
    public void A_property_of_the_project_turns_it_off(string name, string value)
        => Assert.That(Generate(Program, (name, value)).Text, Is.Empty);

    [Test]
    public void Without_the_detector_nothing_is_written() => Assert.That(Generate(
        Program, [.. Code.References.Where(reference => !reference.Display!.Contains("NativeLeak", StringComparison.Ordinal))]).Text, Is.Empty);

    [Test]
    public void A_program_without_startup_hooks_starts_the_detector_itself() => Assert.Multiple(() =>
    {
        Assert.That(Generate(Program, ("NativeLeakStartInModule", "true")).Text, Does.Contain("ModuleInitializer"));
        Assert.That(Generate(Program).Text, Does.Not.Contain("ModuleInitializer"));
    });

    [Test]
    public void Typing_elsewhere_writes_nothing_again()
    {
        CSharpCompilation compilation = Compile(Program, Code.References);
        GeneratorDriver driver = Driver([]).RunGenerators(compilation);
        SyntaxTree other = CSharpSyntaxTree.ParseText("internal class Elsewhere;", Options(), "Elsewhere.cs");
        driver = driver.RunGenerators(compilation.AddSyntaxTrees(other));
        IncrementalStepRunReason[] reasons = [.. driver.GetRunResult().Results.Single().TrackedSteps[InterceptorGenerator.CallsStep]
            .SelectMany(step => step.Outputs).Select(output => output.Reason)];
        Assert.That(reasons, Has.Length.EqualTo(12));
        Assert.That(reasons.Except([IncrementalStepRunReason.Cached, IncrementalStepRunReason.Unchanged]), Is.Empty);
    }

    [Test]
    public void The_table_has_every_member_of_the_tracked_twins()
    {
        string[] utilities = ["Clear", "Copy", "Fill"];
        IEnumerable<string> twins = from type in (Type[])[typeof(TrackedMarshal), typeof(TrackedMemory)]
            from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
            where !utilities.Contains(method.Name)
            select Key(type == typeof(TrackedMarshal) ? "Marshal" : "NativeMemory", method);
        Assert.That(MemberTable.ByKey.Keys, Is.EquivalentTo(twins));
    }

    [Test]
    public void The_originals_have_every_member_of_the_table()
    {
        IEnumerable<string> originals = from type in (Type[])[typeof(Marshal), typeof(NativeMemory)]
            from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
            select Key(type.Name, method);
        Assert.That(MemberTable.ByKey.Keys, Is.SubsetOf(originals));
    }

    private static string Key(string type, MethodInfo method) => type + "." + method.Name + "("
        + string.Join(", ", method.GetParameters().Select(parameter => parameter.ParameterType.Name switch
        {
            "IntPtr" => "nint", "UIntPtr" => "nuint", "Int32" => "int", "String" => "string", "Void*" => "void*", var name => name,
        } + " " + parameter.Name)) + ")";

    private static (CSharpCompilation Compilation, string Text) Generate(string source, params (string Name, string Value)[] properties)
        => Run(Compile(source, Code.References), properties);

    private static (CSharpCompilation Compilation, string Text) Generate(string source, IReadOnlyList<MetadataReference> references)
        => Run(Compile(source, references), []);

    private static CSharpCompilation Compile(string source, IReadOnlyList<MetadataReference> references) => CSharpCompilation.Create(
        "Program", [CSharpSyntaxTree.ParseText(source, Options(), "Program.cs", System.Text.Encoding.UTF8)], references,
        new CSharpCompilationOptions(OutputKind.ConsoleApplication, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));

    private static CSharpParseOptions Options() => Code.ParseOptions.WithFeatures([new("InterceptorsNamespaces", "NativeLeak.Generated")]);

    private static (CSharpCompilation Compilation, string Text) Run(CSharpCompilation compilation, (string, string)[] properties)
    {
        GeneratorDriver driver = Driver(properties).RunGeneratorsAndUpdateCompilation(
            compilation, out Compilation updated, out ImmutableArray<Diagnostic> problems);
        Assert.That(problems, Is.Empty);
        return ((CSharpCompilation)updated, string.Concat(driver.GetRunResult().GeneratedTrees.Select(tree => tree.ToString())));
    }

    private static CSharpGeneratorDriver Driver((string Name, string Value)[] properties) => CSharpGeneratorDriver.Create(
        [new InterceptorGenerator().AsSourceGenerator()],
        optionsProvider: new Properties(properties),
        parseOptions: Options(),
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    private sealed class Properties((string Name, string Value)[] values) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions { get; } = new Values(values);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => GlobalOptions;

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => GlobalOptions;
    }

    private sealed class Values((string Name, string Value)[] values) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, out string value)
        {
            value = values.FirstOrDefault(pair => "build_property." + pair.Name == key).Value;
            return value is not null;
        }
    }
}
