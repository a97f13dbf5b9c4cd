// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a second thread of the cloned child, which the runtime does not know.
// Who calls it: the marker, in the child only.
// The one idea: where the runtime is frozen, a thread of execution needs a stack and a function, nothing else. It shares
// the first thread's thread-local storage and signal mask, so it may run child code only, and no signal ever reaches it.
// Safety: the stack is the caller's, lives as long as the child, and its top is a multiple of 16.
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop.Linux;

/// <summary>Starts child code on a stack of its own.</summary>
[ChildCode]
internal static unsafe class RawThread
{
    private static delegate*<nint, nint, nint, nint, nint> s_stub;

    /// <summary>Assembles the stub; in the process, before the first snapshot. Idempotent.</summary>
    public static void Initialize()
    {
        if (s_stub == null)
        {
            s_stub = (delegate*<nint, nint, nint, nint, nint>)MachineCode.EmitThreadStart();
        }
    }

    /// <summary>Clones with <paramref name="flags"/>; the new thread calls <paramref name="function"/> with
    /// <paramref name="argument"/> and ends.</summary>
    /// <returns>The thread's id, or −errno.</returns>
    [MethodImpl(ChildCode.Options)]
    public static nint Start(nint flags, nint stackTop, nint function, nint argument)
        => s_stub(flags, stackTop, function, argument);
}
