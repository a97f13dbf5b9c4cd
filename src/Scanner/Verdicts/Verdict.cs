// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Verdicts;

/// <summary>What the scan concluded about one block (Valgrind's kinds, kmemleak's youth).</summary>
internal enum Verdict : byte
{
    /// <summary>Not decided (only while a scan runs).</summary>
    Unknown = 0,

    /// <summary>A chain of start pointers leads from a root to it.</summary>
    Reachable = 1,

    /// <summary>Lost, and no other lost block leads to it: a leak of its own (or the leader of a lost cycle).</summary>
    Definite = 2,

    /// <summary>Lost because the block that leads to it is lost.</summary>
    Indirect = 3,

    /// <summary>Only interior pointers lead to it.</summary>
    Possible = 4,

    /// <summary>Unreachable but younger than the minimum age: not judged yet.</summary>
    Young = 5,

    /// <summary>Declared not a leak by a hint.</summary>
    Ignored = 6,

    /// <summary>A leak that a suppression hides.</summary>
    Suppressed = 7,
}
