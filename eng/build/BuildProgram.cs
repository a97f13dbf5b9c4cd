// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the table of verbs, the help made from it, and the verbs that are a few lines each.
// Who calls it: Program.cs, and Project.Tests for the table.
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace NativeLeak.Build;

/// <summary>The build program.</summary>
internal static class BuildProgram
{
    private const int ExitUsage = 2;
    private const string Ingest = "NativeLeak.Samples.Ingest";
    private const string Soak = "NativeLeak.Soak";
    private const string Litmus = "NativeLeak.Litmus";

    /// <summary>Every verb, in the order of the help.</summary>
    public static IReadOnlyList<Verb> Verbs { get; } =
    [
        new("restore", "", "get the packages", RestoreAsync),
        new("build", "", "build everything in Release and lay out artifacts/inject, ready to be switched on", BuildAsync),
        new("test", "[SUITE…]", "build, run every suite under tests/ (or those whose names contain SUITE), sum up", TestAsync),
        new("pack", "", "make the packages in artifacts/packages", PackAsync),
        new("journeys", "[NAME…]", "run samples/journeys (or those named) against the packages, in clean folders; packs first if need be", Journeys.RunAsync),
        new("demo", "[--clean]", "run samples/Ingest under the detector; --clean: the same work without its leaks", DemoAsync),
        new("soak", "[--snapshots N]", "take N snapshots (1000) under full load and check every mark", SoakAsync),
        new("bench", "[--peers] [--parts]", "measure against plain calls (--peers: and C tools; --parts: part by part); --rounds N, --quick, --scans, --large", BenchAsync),
        new("litmus", "[OPTIONS]", "run the races of the record table, each with a control; --help lists the options", LitmusAsync),
        new("run", "-- COMMAND…", "run a command with the detector switched on; its exit code is kept", RunCommandAsync),
        new("env", "[--shell bash|pwsh]", "print the variables that switch the detector on in a shell", PrintEnvironmentAsync),
        new("clean", "", "remove what was built", CleanAsync),
        new("help", "", "print this", PrintHelpAsync),
    ];

    /// <summary>The help. The same whichever script asked.</summary>
    public static string Help
    {
        get
        {
            StringBuilder text = new("usage: ./build.sh VERB [OPTIONS]      (PowerShell: ./build.ps1 VERB [OPTIONS])\n\n");
            foreach (Verb verb in Verbs)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {verb.Name + " " + verb.Usage,-26}{verb.Summary}\n");
            }

            return text.ToString();
        }
    }

    /// <summary>Runs one verb. No verb prints the help; an unknown one is an error (2).</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        string name = arguments.Count == 0 || arguments[0] is "-h" or "--help" ? "help" : arguments[0];
        try
        {
            Verb verb = Verbs.FirstOrDefault(verb => verb.Name == name)
                ?? throw new UsageException($"unknown verb '{name}'");
            return await verb.RunAsync([.. arguments.Skip(1)]).ConfigureAwait(false);
        }
        catch (UsageException problem)
        {
            await Console.Error.WriteLineAsync($"build: {problem.Message}\n\n{Help}".TrimEnd()).ConfigureAwait(false);
            return ExitUsage;
        }
    }

    private static Task<int> RestoreAsync(IReadOnlyList<string> options)
    {
        RefuseAll(options);
        return Tool.DotnetAsync("restore", Repository.Solution);
    }

    private static async Task<int> BuildAsync(IReadOnlyList<string> options)
    {
        RefuseAll(options);
        int exitCode = await CompileAsync(Repository.Solution).ConfigureAwait(false);
        return exitCode != 0 ? exitCode : await InjectLayout.MakeAsync().ConfigureAwait(false);
    }

    private static Task<int> PackAsync(IReadOnlyList<string> options)
    {
        RefuseAll(options);
        return Packages.MakeAsync();
    }

    private static async Task<int> TestAsync(IReadOnlyList<string> suites)
    {
        int exitCode = await BuildAsync([]).ConfigureAwait(false);
        if (exitCode == 0)
        {
            return await TestSuites.RunAsync(suites).ConfigureAwait(false);
        }

        Console.WriteLine("the build failed");
        Console.WriteLine(new SuiteResult(Passed: 0, Failed: 1, Skipped: 0));
        return 1;
    }

    private static async Task<int> DemoAsync(IReadOnlyList<string> options)
    {
        bool clean = options is ["--clean"];
        RefuseAll(clean ? [] : options);
        int exitCode = await MakeInjectableAsync().ConfigureAwait(false);
        exitCode = exitCode != 0 ? exitCode
            : await CompileAsync(Repository.PathOf("samples", "Ingest", Ingest + ".csproj")).ConfigureAwait(false);
        if (exitCode != 0)
        {
            return exitCode;
        }

        ProcessStartInfo start = new(Tool.DotnetPath());
        start.ArgumentList.Add(Repository.ProgramOf(Ingest));
        if (clean)
        {
            start.ArgumentList.Add("--clean");
        }

        Injection.Apply(start);
        start.Environment["NATIVELEAK_FAIL_ON"] = "definite";
        return await Tool.RunAsync(start).ConfigureAwait(false);
    }

    private static Task<int> SoakAsync(IReadOnlyList<string> options) => RunTestProgramAsync("Soak", Soak, options);

    private static Task<int> LitmusAsync(IReadOnlyList<string> options) => RunTestProgramAsync("Litmus", Litmus, options);

    private static async Task<int> RunTestProgramAsync(string folder, string name, IReadOnlyList<string> options)
    {
        int exitCode = await CompileAsync(Repository.PathOf("tests", folder, name + ".csproj")).ConfigureAwait(false);
        if (exitCode != 0)
        {
            return exitCode;
        }

        ProcessStartInfo start = new(Tool.DotnetPath());
        start.ArgumentList.Add(Repository.ProgramOf(name));
        foreach (string option in options)
        {
            start.ArgumentList.Add(option);
        }

        return await Tool.RunAsync(start).ConfigureAwait(false);
    }

    private static async Task<int> BenchAsync(IReadOnlyList<string> words)
    {
        BenchmarkOptions options = BenchmarkOptions.Read(words);
        int exitCode = options.Parts ? 0 : await MakeInjectableAsync().ConfigureAwait(false);
        foreach (string project in options.Parts ? (string[])["Parts"] : ["Churn", "Hello", "Scan"])
        {
            exitCode = exitCode != 0 ? exitCode
                : await CompileAsync(Repository.PathOf("benchmarks", project, $"NativeLeak.Benchmarks.{project}.csproj"))
                    .ConfigureAwait(false);
        }

        return exitCode != 0 ? exitCode : await Benchmark.RunAsync(options).ConfigureAwait(false);
    }

    private static async Task<int> RunCommandAsync(IReadOnlyList<string> arguments)
    {
        // PowerShell keeps a bare -- to itself, so the command may also come without it.
        string[] command = [.. arguments.Skip(arguments is ["--", ..] ? 1 : 0)];
        if (command.Length == 0)
        {
            throw new UsageException("run needs a command after --");
        }

        int exitCode = InjectLayout.IsComplete ? 0 : await MakeInjectableAsync().ConfigureAwait(false);
        if (exitCode != 0)
        {
            return exitCode;
        }

        ProcessStartInfo start = new(command[0]);
        foreach (string argument in command.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        Injection.Apply(start);
        return await Tool.RunAsync(start).ConfigureAwait(false);
    }

    private static async Task<int> PrintEnvironmentAsync(IReadOnlyList<string> options)
    {
        string text = Injection.Export(options switch
        {
            [] => "bash",
            ["--shell", string shell] => shell,
            _ => throw new UsageException($"unknown option '{string.Join(' ', options)}'"),
        });
        if (!InjectLayout.IsComplete)
        {
            // Standard output is evaluated by a shell: a build must not print there.
            await Console.Error.WriteLineAsync("build: artifacts/inject is not there yet; run the verb build first")
                .ConfigureAwait(false);
            return 1;
        }

        Console.WriteLine(text);
        return 0;
    }

    private static Task<int> CleanAsync(IReadOnlyList<string> options)
    {
        RefuseAll(options);
        string[] own = ["bin", "obj"];
        if (Directory.Exists(Repository.Artifacts))
        {
            foreach (string folder in Directory.EnumerateDirectories(Repository.Artifacts))
            {
                if (!own.Contains(Path.GetFileName(folder), StringComparer.Ordinal))
                {
                    Directory.Delete(folder, recursive: true);
                    continue;
                }

                // This program runs from there; the scripts built it a moment ago and will need it again.
                foreach (string project in Directory.EnumerateDirectories(folder)
                    .Where(path => Path.GetFileName(path) != "NativeLeak.Build"))
                {
                    Directory.Delete(project, recursive: true);
                }
            }
        }

        return Task.FromResult(0);
    }

    private static Task<int> PrintHelpAsync(IReadOnlyList<string> options)
    {
        Console.Write(Help);
        return Task.FromResult(0);
    }

    // "dotnet msbuild" is "dotnet build" without its closing words: silent unless there is something to say.
    private static Task<int> CompileAsync(string projectOrSolution) => Tool.DotnetAsync(
        "msbuild", projectOrSolution, "-restore", "-p:Configuration=Release", "-v:q", "-nologo", "-m");

    private static async Task<int> MakeInjectableAsync()
    {
        foreach (string project in (string[])["Scanner", "StartupHook"])
        {
            int exitCode = await CompileAsync(Repository.PathOf("src", project, $"NativeLeak.{project}.csproj"))
                .ConfigureAwait(false);
            if (exitCode != 0)
            {
                return exitCode;
            }
        }

        return await InjectLayout.MakeAsync().ConfigureAwait(false);
    }

    private static void RefuseAll(IReadOnlyList<string> options)
    {
        if (options.Count > 0)
        {
            throw new UsageException($"unknown option '{options[0]}'");
        }
    }
}
