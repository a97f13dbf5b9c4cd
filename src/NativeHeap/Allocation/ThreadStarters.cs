// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// The methods of .NET that stand at the outer end of every thread's stack and nowhere else: they say nothing about a
/// site, so walks end there and reports leave them out.
/// </summary>
internal static class ThreadStarters
{
    private static readonly string[] s_types =
    [
        "System.Threading.Thread+StartHelper", "System.Threading.PortableThreadPool+WorkerThread",
        "System.Threading.PortableThreadPool+GateThread", "System.Threading.PortableThreadPool+WaitThread",
        "System.Threading.ThreadPoolWorkQueue", "System.Threading.TimerQueue",
    ];

    /// <summary>Whether the method is one of these.</summary>
    public static bool Owns(MethodBase? method)
    {
        if (method?.DeclaringType is not { } type || !ReferenceEquals(type.Assembly, typeof(object).Assembly))
        {
            return false;
        }

        return method.Name switch
        {
            "StartCallback" => type == typeof(Thread),
            "CallEntryPoint" => type == typeof(Environment),
            "Dispatch" or "WorkerThreadStart" or "WorkerDoWork" or "Run" or "RunWorker" or "Callback"
                or "GateThreadStart" or "WaitThreadStart" or "TimerThread" => Array.IndexOf(s_types, type.FullName) >= 0,
            _ => false,
        };
    }
}
