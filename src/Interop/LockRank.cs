// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop;

/// <summary>
/// The lock order: a thread takes locks of growing rank only, never two of one rank (docs/design/locking.md).
/// </summary>
internal enum LockRank
{
    /// <summary>The lock of RegisteredRoots.</summary>
    Roots = 1,

    /// <summary>The lock of a RecordStripe.</summary>
    Stripe = 2,

    /// <summary>The lock of a RecordQueue.</summary>
    Queue = 3,

    /// <summary>The lock of RecordSlabs.</summary>
    Slab = 4,

    /// <summary>The lock of LimitedPageSource.</summary>
    PageLimit = 5,

    /// <summary>A leaf: may be taken inside any other, and nothing is taken inside it. What a lock is unless it says
    /// otherwise.</summary>
    Leaf = 31,
}
