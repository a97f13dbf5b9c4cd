// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace LeakCases.Planting;

/// <summary>The detector's API, for the cases that use it. Found by name: this program references nothing of NativeLeak.</summary>
internal static unsafe class DetectorApi
{
    private const string AssemblyName = "NativeLeak.Scanner";

    /// <summary>Makes a range a root; null when no detector is in the process.</summary>
    public static IDisposable? RegisterRoot(nint start, nuint byteCount)
    {
        Assembly? detector = AppDomain.CurrentDomain.GetAssemblies()
            .FirstOrDefault(static assembly => assembly.GetName().Name == AssemblyName);
        MethodInfo? register = detector?.GetType("NativeLeak.LeakDetector", throwOnError: true)!.GetMethod("RegisterRoot");
        return (IDisposable?)register?.Invoke(null, [Pointer.Box((void*)start, typeof(void*)), byteCount]);
    }
}
