// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which locals of a method can be followed by their name alone.
// Who calls it: the rules that follow locals.
// The one idea: a local that a lambda captures, or whose address is taken, may change or be read anywhere: it is left alone.
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace NativeLeak.Analyzers.Flow;

/// <summary>Looks once over a method's body.</summary>
internal sealed class LocalFacts
{
    private readonly HashSet<ILocalSymbol> _shared = new(SymbolEqualityComparer.Default);
    private readonly HashSet<ILocalSymbol> _readByHandlers = new(SymbolEqualityComparer.Default);

    /// <summary>Looks over the bodies.</summary>
    public LocalFacts(IEnumerable<IOperation> bodies)
    {
        foreach (ILocalReferenceOperation reference in bodies
            .SelectMany(static body => body.DescendantsAndSelf()).OfType<ILocalReferenceOperation>())
        {
            if (reference.Local.RefKind != RefKind.None || IsAddressTaken(reference) || IsCaptured(reference))
            {
                _shared.Add(reference.Local);
            }

            if (IsInHandler(reference))
            {
                _readByHandlers.Add(reference.Local);
            }
        }
    }

    /// <summary>Whether nothing but plain reads and writes of its own method touch the local.</summary>
    public bool IsPlain(ILocalSymbol local) => !_shared.Contains(local);

    /// <summary>Whether a catch, filter or finally block names it: they are entered from anywhere in their try.</summary>
    public bool IsNamedByHandler(ILocalSymbol local) => _readByHandlers.Contains(local);

    private static bool IsAddressTaken(IOperation reference) => reference.Parent switch
    {
        IAddressOfOperation => true,
        IArgumentOperation { Parameter.RefKind: not RefKind.None } => true,
        IVariableInitializerOperation { Parent: IVariableDeclaratorOperation { Symbol.RefKind: not RefKind.None } } => true,
        ISimpleAssignmentOperation { IsRef: true } => true,
        ITupleOperation => true,
        _ => false,
    };

    private static bool IsCaptured(ILocalReferenceOperation reference)
    {
        for (IOperation? parent = reference.Parent; parent is not null; parent = parent.Parent)
        {
            IMethodSymbol? function = parent switch
            {
                IAnonymousFunctionOperation lambda => lambda.Symbol,
                ILocalFunctionOperation local => local.Symbol,
                _ => null,
            };
            if (function is not null)
            {
                return !SymbolEqualityComparer.Default.Equals(reference.Local.ContainingSymbol, function);
            }
        }

        return false;
    }

    private static bool IsInHandler(IOperation reference)
    {
        IOperation child = reference;
        for (IOperation? parent = reference.Parent; parent is not null; (child, parent) = (parent, parent.Parent))
        {
            if (parent is ICatchClauseOperation || (parent is ITryOperation { Finally: { } last } && last == child))
            {
                return true;
            }
        }

        return false;
    }
}
