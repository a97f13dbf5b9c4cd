// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace LeakCases.Planting;

/// <summary>The detector's API, for the cases that use it. Found by name: this program references nothing of NativeLeak.</summary>
internal static unsafe class DetectorApi
{
    private const string AssemblyName = "NativeLeak.Scanner";

    /// <summary>Makes a range a root; null when no detector is in the process.</summary>
    public static IDisposable? RegisterRoot(nint start, nuint byteCount)
        => (IDisposable?)Find("RegisterRoot", typeof(void*), typeof(nuint))?.Invoke(null, [Pointer.Box((void*)start, typeof(void*)), byteCount]);

    /// <summary>Scans while the process runs; the report as JSON, null when no detector is in the process.</summary>
    public static string? Scan()
    {
        object? report = ScanReport();
        return (string?)report?.GetType().GetMethod("ToJson", Type.EmptyTypes)!.Invoke(report, null);
    }

    /// <summary>Scans while the process runs; the report itself, null when no detector is in the process.</summary>
    public static object? ScanReport() => Find("Scan", typeof(CancellationToken))?.Invoke(null, [CancellationToken.None]);

    /// <summary>The address that a report tells of its block of so many bytes; 0 when it lists none.</summary>
    public static nint AddressIn(object? report, long byteCount)
    {
        foreach (object leak in Items(report, "Leaks"))
        {
            foreach (object sample in Items(leak, "Samples"))
            {
                if ((long)sample.GetType().GetProperty("ByteCount")!.GetValue(sample)! == byteCount)
                {
                    return (nint)(nuint)sample.GetType().GetProperty("Address")!.GetValue(sample)!;
                }
            }
        }

        return 0;
    }

    private static IEnumerable<object> Items(object? owner, string property)
        => (IEnumerable<object>?)owner?.GetType().GetProperty(property)!.GetValue(owner) ?? [];

    private static MethodInfo? Find(string method, params Type[] parameters)
    {
        Assembly? detector = AppDomain.CurrentDomain.GetAssemblies()
            .FirstOrDefault(static assembly => assembly.GetName().Name == AssemblyName);
        return detector?.GetType("NativeLeak.LeakDetector", throwOnError: true)!.GetMethod(method, parameters);
    }
}
