// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what a root provider names its roots to.
// Who calls it: root providers, each on a thread of its own.
// The one idea: addresses go to native memory of ours at once, so that none stays behind in a managed object.
// Safety: pointers are made numbers here.
using NativeLeak.Interop;
using NativeLeak.Roots;

namespace NativeLeak;

/// <summary>Takes the roots that a <see cref="RootProvider"/> names, for one scan.</summary>
/// <remarks>For use inside the provider's call, from any thread. A scan takes 65,536 pointers and 4,096 ranges, and from one
/// provider only what it names in its first second: what is refused is told in the report, which is then
/// inconclusive.</remarks>
public sealed unsafe class RootCollector
{
    private volatile ProvidedRoots? _roots;

    internal RootCollector(ProvidedRoots roots) => _roots = roots;

    /// <summary>Whether the provider's call goes on. Decided under the lock of the roots.</summary>
    internal bool IsOpen => _roots is not null;

    /// <summary>A pointer to a block: the block it points to the start of is reachable.</summary>
    /// <param name="block">The pointer; null and pointers to anything else are harmless.</param>
    /// <returns>Whether it was taken.</returns>
    public bool AddPointer(void* block) => _roots is { } roots && roots.TryAdd(this, (nuint)block);

    /// <summary>A range of memory: this scan reads it for pointers.</summary>
    /// <param name="start">Start of the range; null is refused.</param>
    /// <param name="byteCount">Its length in bytes; 0 is refused. What cannot be read is told in the report.</param>
    /// <param name="decoder">How pointers are written in it beside plainly.</param>
    /// <returns>Whether it was taken.</returns>
    public bool AddRange(void* start, nuint byteCount, PointerDecoder decoder = default)
        => _roots is { } roots && start != null && byteCount != 0 && byteCount <= nuint.MaxValue - (nuint)start
            && roots.TryAdd(this, new MemoryRange((nuint)start, (nuint)start + byteCount), decoder);

    /// <summary>Ends the provider's call.</summary>
    internal void Close() => _roots = null;
}
