// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Verdicts;

/// <summary>What kind of place a pointer to a block stands in.</summary>
internal enum HolderKind : byte
{
    /// <summary>No pointer, or nothing is known of its place.</summary>
    None = 0,

    /// <summary>A register of a stopped thread.</summary>
    Register = 1,

    /// <summary>A thread's stack, or its thread-local data above.</summary>
    Stack = 2,

    /// <summary>Data of a module: static and global variables of native code.</summary>
    Module = 3,

    /// <summary>A field or element of a managed object.</summary>
    Object = 4,

    /// <summary>The managed heap, read as bytes.</summary>
    ManagedHeap = 5,

    /// <summary>Another recorded block.</summary>
    Block = 6,

    /// <summary>A registered range.</summary>
    RegisteredRoot = 7,

    /// <summary>Memory of the C heap that is not recorded.</summary>
    CHeap = 8,

    /// <summary>Shared memory, or memory kept out of copies: the runtime keeps static fields in such.</summary>
    Shared = 9,

    /// <summary>Other memory.</summary>
    Memory = 10,
}
