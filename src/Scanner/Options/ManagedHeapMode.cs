// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>How a scan reads the managed heap (option <c>managed_heap</c>).</summary>
public enum ManagedHeapMode
{
    /// <summary>Follow objects reached from roots; a dead object keeps nothing alive.</summary>
    Trace = 0,

    /// <summary>Read every byte of it as roots: misses leaks, invents none.</summary>
    Conservative = 1,

    /// <summary>Do not read it at all: finds too much; for experiments.</summary>
    None = 2,

    /// <summary>
    /// Collect fully and let finalizers run first, then follow objects: what waited for a collection or a finalizer keeps
    /// nothing alive. Changes when the program's finalizers run; for tests.
    /// </summary>
    Precise = 3,
}
