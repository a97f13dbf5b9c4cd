// Licensed under the MIT License. See LICENSE in the repository root.
using System.ComponentModel;

namespace NativeLeak.CompilerServices;

/// <summary>For code that NativeLeak's source generator writes; not meant to be used directly.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class AutoStart
{
    /// <summary>Does what the startup hook does, in a program whose runtime runs none (trimmed, compiled ahead): starts the
    /// detector when <c>NATIVELEAK</c> asks for it. A second call does nothing. Thread safety: called once, before Main. Cost:
    /// a look at one environment variable, when it is unset. Never throws, never prints.</summary>
    public static void Run() => global::StartupHook.Initialize();
}
