// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: stretches of a program whose blocks are ignored, or judged by themselves.
// Who calls it: applications and tests.
// The one idea: a scope says something about blocks that are allocated inside it, for as long as they live; what was
// allocated before is not touched.
using NativeLeak.NativeHeap.Annotations;

namespace NativeLeak;

/// <summary>A stretch of a program whose blocks the leak detector ignores: from its creation to <see cref="Dispose"/>.</summary>
/// <remarks>
/// <para>Scopes nest. Disposing twice, in another order, or on a thread where a scope was not begun, is harmless.
/// Without a detector a scope does nothing and costs a small object. Blocks allocated in it are treated as by <see
/// cref="LeakHints.Ignore"/>: neither they nor what only they lead to is reported.</para>
/// <para>The ideas are LeakSanitizer's __lsan_disable and ScopedDisabler, and for checks gperftools' HeapLeakChecker.</para>
/// </remarks>
public sealed class LeakScope : IDisposable
{
    private readonly FlowingScope? _flowing;
    private readonly int _thread;
    private int _isEnded;

    private LeakScope(FlowingScope? flowing, int thread)
    {
        _flowing = flowing;
        _thread = thread;
    }

    /// <summary>Begins a scope that flows with the execution context, as an <see cref="AsyncLocal{T}"/> does: over awaits, and
    /// into tasks and threads that are started inside it. Those stay in it for as long as they run.</summary>
    /// <returns>The scope; dispose it in the method that began it.</returns>
    public static LeakScope Disable() => new(BlockHints.IsOn ? FlowingScope.Begin(check: 0) : null, 0);

    /// <summary>Begins a scope of the calling thread only: for code without awaits, callbacks of native code, and the end of a
    /// thread.</summary>
    /// <returns>The scope; to be disposed on this thread. On another one Dispose does nothing.</returns>
    public static LeakScope DisableOnThread()
        => new(null, BlockHints.IsOn && ScopeState.EnterOnThread() ? Environment.CurrentManagedThreadId : 0);

    /// <summary>Begins a check: blocks allocated inside, as for <see cref="Disable"/> flowing with the execution context, are
    /// judged by themselves. Any number of checks may run beside and inside each other; a block belongs to the innermost one
    /// and all around that.</summary>
    /// <param name="name">What reports call it.</param>
    /// <returns>The check. Without a detector it finds nothing.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is null.</exception>
    public static LeakCheck Check(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new LeakCheck(name, BlockHints.IsOn && BlockHints.Table is not null ? CheckScopes.Open() : 0);
    }

    /// <summary>Ends the scope.</summary>
    public void Dispose()
    {
        // Order: one caller ends it.
        if (Interlocked.Exchange(ref _isEnded, 1) != 0)
        {
            return;
        }

        _flowing?.End();
        if (_thread != 0 && _thread == Environment.CurrentManagedThreadId)
        {
            ScopeState.LeaveOnThread();
        }
    }
}
