// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace NativeLeak.Injection;

/// <summary>Loads the detector from the folder this assembly lies in and starts it. Runs at most once per process.</summary>
internal static class Trampoline
{
    private const string ProcessLatch = "NativeLeak.StartupHook";
    private const string StartLatch = "NativeLeak.StartupHook.Started";
    private const string DetectorAssembly = "NativeLeak.Scanner";
    private const string DetectorType = "NativeLeak.Entry";
    private const string DetectorMethod = "Start";

    /// <summary>Everything the hook does when it is switched on. Any failure leaves the application as it was.</summary>
    public static void Run()
    {
        // The variable and the runtimeconfig property may both name us. Hooks run one after the other, on one thread.
        if (AppContext.GetData(ProcessLatch) is not null)
        {
            return;
        }

        AppContext.SetData(ProcessLatch, true);
        if (!IsWatched())
        {
            return;
        }

        TryStart();
        if (!HookSettings.IsInherited)
        {
            InheritedVariables.Remove(Assembly.GetExecutingAssembly());
        }
    }

    /// <summary>The same in a process that runs already, and whatever its name: somebody asked for this very one.</summary>
    public static void Attach() => TryStart();

    private static void TryStart()
    {
        if (AppContext.GetData(StartLatch) is not null)
        {
            return;
        }

        AppContext.SetData(StartLatch, true);
        try
        {
            Start();
        }
        catch (Exception exception)
        {
            FailureLog.Write(exception);
        }
    }

    private static bool IsWatched() => ProcessFilter.IsWatched(
        SimpleName(Assembly.GetEntryAssembly()?.FullName),
        Path.GetFileName(Environment.ProcessPath),
        AppContext.BaseDirectory,
        Path.GetDirectoryName(typeof(object).Assembly.Location) ?? "",
        HookSettings.Processes,
        HookSettings.ExcludedProcesses);

    // AssemblyName would do it, for a millisecond.
    private static string? SimpleName(string? fullName)
    {
        int comma = fullName?.IndexOf(',') ?? -1;
        return comma < 0 ? fullName : fullName![..comma];
    }

    private static void Start()
    {
        // Looked at before anything is loaded: half a detector would have to be undone.
        string folder = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location) ?? "";
        if (SiblingLoader.FindMissing(folder) is { } missing)
        {
            throw new FileNotFoundException($"{missing}.dll is not beside the startup hook");
        }

        Assembly detector = new SiblingLoader(folder).Load(DetectorAssembly);
        MethodInfo start = detector.GetType(DetectorType, throwOnError: true)!.GetMethod(
            DetectorMethod, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic, [typeof(string)])
            ?? throw new MissingMethodException(DetectorType, DetectorMethod);
        start.CreateDelegate<Action<string>>()(folder);
    }
}
