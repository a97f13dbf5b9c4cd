// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace NativeLeak.Injection;

/// <summary>Loads the detector from the folder this assembly lies in and starts it. Runs at most once per process.</summary>
internal static class Trampoline
{
    private const string ProcessLatch = "NativeLeak.StartupHook";
    private const string StartLatch = "NativeLeak.StartupHook.Started";
    private const string DetectorAssembly = "NativeLeak.Scanner";
    private const string DetectorType = "NativeLeak.Entry";
    private const string DetectorName = DetectorType + ", " + DetectorAssembly;
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
        Path.GetDirectoryName(PathOf(typeof(object).Assembly)) ?? "",
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
        string folder = Path.GetDirectoryName(PathOf(Assembly.GetExecutingAssembly())) ?? "";
        if (folder.Length > 0)
        {
            StartFrom(folder);
        }
        else
        {
            StartBundled();
        }
    }

    // Linked into the application with everything else: the names are constants, which trimming understands.
    private static void StartBundled()
    {
        MethodInfo? start = Type.GetType(DetectorName, throwOnError: true)!.GetMethod(
            DetectorMethod, BindingFlags.Static | BindingFlags.Public, [typeof(string)]);
        Run(start, AppContext.BaseDirectory);
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "From a folder of its own comes what no trimming has seen.")]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "As above.")]
    private static void StartFrom(string folder)
    {
        // Looked at before anything is loaded: half a detector would have to be undone.
        if (SiblingLoader.FindMissing(folder) is { } missing)
        {
            throw new FileNotFoundException($"{missing}.dll is not beside the startup hook");
        }

        Assembly detector = new SiblingLoader(folder).Load(DetectorAssembly);
        // The only one of its name: with the types of its parameters the runtime would choose among overloads, at length.
        Run(detector.GetType(DetectorType, throwOnError: true)!.GetMethod(
            DetectorMethod, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic), folder);
    }

    private static void Run(MethodInfo? start, string folder)
        => (start ?? throw new MissingMethodException(DetectorType, DetectorMethod)).CreateDelegate<Action<string>>()(folder);

    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "An empty path is what tells a bundled assembly.")]
    private static string PathOf(Assembly assembly) => assembly.Location;
}
