// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: NL0005: StructureToPtr of a structure with strings or arrays, and DestroyStructure nowhere.
// The one idea: whoever destroys may be in another file, so all of them are looked through, by name, when the first such
// structure is met; a DestroyStructure that cannot be read (a Type in a variable) may be for any structure.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using NativeLeak.Analyzers.Flow;

namespace NativeLeak.Analyzers.Rules;

/// <summary>NL0005: StructureToPtr with reference fields and no DestroyStructure.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class UndestroyedStructureAnalyzer : DiagnosticAnalyzer
{
    private const string Destroy = "DestroyStructure";

    /// <summary>What this finds.</summary>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Descriptors.Undestroyed];

    /// <summary>Called once by the compiler.</summary>
    /// <param name="context">Where actions are registered.</param>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            CancellationToken cancellation = start.CancellationToken;
            Compilation compilation = start.Compilation;
            Lazy<Destroyed> destroyed = new(() => new Destroyed(compilation, cancellation), LazyThreadSafetyMode.PublicationOnly);
            start.RegisterOperationAction(operation => Analyze(operation, destroyed), OperationKind.Invocation);
        });
    }

    private static void Analyze(OperationAnalysisContext context, Lazy<Destroyed> destroyed)
    {
        IInvocationOperation call = (IInvocationOperation)context.Operation;
        if (call.TargetMethod is not { Name: "StructureToPtr", ContainingType: { Name: "Marshal", ContainingNamespace.Name: "InteropServices" } }
            || call.Arguments.FirstOrDefault(static argument => argument.Parameter?.Ordinal == 0) is not { } argument)
        {
            return;
        }

        ITypeSymbol? type = call.TargetMethod.TypeArguments.Length == 1
            ? call.TargetMethod.TypeArguments[0]
            : Operations.Strip(argument.Value).Type;
        if (type is null || MarshalledFields.FindOwning(type) is not { } field || destroyed.Value.Covers(type))
        {
            return;
        }

        context.ReportDiagnostic(Diagnostic.Create(
            Descriptors.Undestroyed, call.Syntax.GetLocation(), type.ToMinimalDisplayString(call.SemanticModel!, call.Syntax.SpanStart),
            field));
    }

    /// <summary>The structures that are destroyed somewhere, by simple name.</summary>
    private sealed class Destroyed
    {
        private readonly HashSet<string> _names = [];
        private readonly bool _isAny;

        public Destroyed(Compilation compilation, CancellationToken cancellation)
        {
            foreach (InvocationExpressionSyntax invocation in compilation.SyntaxTrees
                .SelectMany(tree => tree.GetRoot(cancellation).DescendantNodes()).OfType<InvocationExpressionSyntax>())
            {
                SimpleNameSyntax? name = invocation.Expression switch
                {
                    MemberAccessExpressionSyntax access => access.Name,
                    SimpleNameSyntax simple => simple,
                    _ => null,
                };
                if (name?.Identifier.ValueText != Destroy)
                {
                    continue;
                }

                TypeSyntax? type = name is GenericNameSyntax { TypeArgumentList.Arguments: { Count: 1 } arguments } ? arguments[0]
                    : invocation.ArgumentList.Arguments.Select(static a => a.Expression).OfType<TypeOfExpressionSyntax>().FirstOrDefault()?.Type;
                string known = type is null ? string.Empty : Last(type);
                _names.Add(known);
                _isAny |= known.Length == 0 || IsTypeParameter(known);
            }
        }

        public bool Covers(ITypeSymbol type) => _isAny || _names.Contains(type.Name)
            || type is ITypeParameterSymbol;

        // By the habit of naming them: T, TItem.
        private static bool IsTypeParameter(string name)
            => name[0] == 'T' && (name.Length == 1 || char.IsUpper(name[1]));

        private static string Last(TypeSyntax type) => type switch
        {
            QualifiedNameSyntax qualified => qualified.Right.Identifier.ValueText,
            AliasQualifiedNameSyntax alias => alias.Name.Identifier.ValueText,
            SimpleNameSyntax simple => simple.Identifier.ValueText,
            _ => type.ToString(),
        };
    }
}
