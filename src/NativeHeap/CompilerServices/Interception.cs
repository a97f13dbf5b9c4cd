// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: whether intercepted calls are recorded here, and where their call sites are told.
// Who calls it: the code that the package's generator adds to an application; Startup opens it.
// The one idea: one question in front of each intercepted call, which the compiler answers by itself in a process in which
// NATIVELEAK is not set: then the call is the original's, to the last instruction.
using System.ComponentModel;
using System.Runtime.CompilerServices;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.CompilerServices;

/// <summary>For code that NativeLeak's source generator writes; not meant to be used directly.</summary>
/// <remarks>Thread safety: every member, at any time, on any thread. None throws.</remarks>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class Interception
{
    private static volatile bool s_isOpen;

    /// <summary>Whether an intercepted call is to be recorded: the detector runs, and no hook in the runtime sees the call
    /// anyway. Cost: nothing in a process in which NATIVELEAK is unset or off, else the read of a static field.</summary>
    public static bool IsActive
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TrackingSwitch.IsOn && s_isOpen;
    }

    /// <summary>Tells the call sites of an assembly; called once in each, when its first intercepted call is recorded.</summary>
    /// <param name="assembly">Simple name of the assembly.</param>
    /// <param name="count">How many call sites <paramref name="text"/> tells.</param>
    /// <param name="text">One line each: file, line, member, ordinal; tabs between.</param>
    /// <returns>The number of the first; 0 when no numbers are left.</returns>
    /// <exception cref="ArgumentNullException">A text is null.</exception>
    public static uint Register(string assembly, int count, string text)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        ArgumentNullException.ThrowIfNull(text);
        return CallSites.Register(assembly, count, text);
    }

    /// <summary>From now on intercepted calls are recorded. Called when recording has begun and no hook is in place; holds
    /// for the rest of the process, so that frees of recorded blocks are seen after a stop.</summary>
    internal static void Open() => s_isOpen = AllocationRecorder.IsRecording;
}
