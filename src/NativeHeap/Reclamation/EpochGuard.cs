// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>
/// Proof that its holder is announced as a reader: methods that need protection take <c>in EpochGuard</c>.
/// A ref struct, so it cannot be stored, captured or carried over an await. It clears itself on Dispose.
/// </summary>
internal ref struct EpochGuard
{
    private readonly int _slot;
    private EpochDomain? _domain;

    internal EpochGuard(EpochDomain domain, int slot)
    {
        _domain = domain;
        _slot = slot;
    }

    /// <summary>
    /// Whether reclamation no longer waits for this reader. What it finds may be reused before it is pinned; therefore,
    /// asked after a pin: yes means look once more whether the record is still where it was found.
    /// </summary>
    public readonly bool IsRevoked
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _domain is { } domain && domain.IsRevoked(_slot);
    }

    /// <summary>Whether the guard is alive and belongs to <paramref name="domain"/>.</summary>
    internal readonly bool Protects(EpochDomain domain) => ReferenceEquals(_domain, domain);

    /// <summary>Ends the protection. Twice is harmless on the same variable; a copy must not be disposed.</summary>
    public void Dispose()
    {
        EpochDomain? domain = _domain;
        _domain = null;
        domain?.Exit(_slot);
    }

    /// <summary>Debug builds stop when a dead or foreign guard is shown.</summary>
    [Conditional("DEBUG")]
    internal readonly void AssertProtects(EpochDomain domain)
        => Debug.Assert(Protects(domain), "the guard is disposed or belongs to another domain");
}
