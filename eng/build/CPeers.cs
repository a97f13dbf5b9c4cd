// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the C programs of the comparison: their packages, their build, and the proof that LeakSanitizer records.
// Who calls it: Benchmark, with --peers.
// The one idea: build first; only when that fails, ask the system's packages, and say exactly what is missing when they
// cannot be had. A LeakSanitizer whose reports show no 16 frames is not measured.
using System.Diagnostics;

namespace NativeLeak.Build;

/// <summary>raw malloc, LeakSanitizer, Boehm's collector.</summary>
internal static class CPeers
{
    /// <summary>Their names, as in RESULT lines.</summary>
    public static IReadOnlyList<string> Names { get; } = ["raw", "lsan", "boehm"];

    /// <summary>Those that scan, as in RESULT lines, with the variables they need: one marker or two.</summary>
    public static IReadOnlyDictionary<string, string> Scanning { get; } =
        new Dictionary<string, string> { ["lsan"] = "1", ["boehm1"] = "1", ["boehm2"] = "2" };

    private const int LeastFrames = 16;
    private static readonly TimeSpan s_buildLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_installLimit = TimeSpan.FromMinutes(10);
    private static readonly string[] s_compilers = ["clang-19", "clang"];
    private static readonly string[][] s_packages =
    [
        ["clang-19", "libclang-rt-19-dev", "libgc-dev"],
        ["clang", "libclang-rt-dev", "libgc-dev"],
        ["clang", "libclang-rt-14-dev", "libgc-dev"],
    ];

    // Frame pointers: LeakSanitizer walks them on each call; without them it would record less, faster.
    private static readonly string[] s_flags =
        ["-O2", "-g", "-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer", "-pthread"];

    private static readonly Dictionary<string, string[]> s_peerFlags = new()
    {
        ["raw"] = [],
        ["lsan"] = ["-fsanitize=leak", "-DPEER_LSAN"],
        ["boehm"] = ["-DPEER_BOEHM", "-lgc"],
    };

    /// <summary>The program of a peer.</summary>
    public static string ProgramOf(string peer) => Path.Combine(Repository.Artifacts, "bench", "peers", peer);

    /// <summary>A scan of a peer; <paramref name="words"/> are the workload and its sizes.</summary>
    public static ProcessStartInfo Scan(string peer, params string[] words)
    {
        string program = peer.StartsWith("boehm", StringComparison.Ordinal) ? "boehm" : peer;
        ProcessStartInfo start = new(ScanProgramOf(program), [.. words, peer]);
        start.Environment["GC_MARKERS"] = Scanning.GetValueOrDefault(peer, "1");
        start.Environment["LSAN_OPTIONS"] = "symbolize=0:max_leaks=1";
        return start;
    }

    private static string ScanProgramOf(string program) => ProgramOf("scan-" + program);

    /// <summary>Builds them, with packages installed where they are missing.</summary>
    /// <returns>Null when they are ready; else what stands in the way.</returns>
    public static async Task<string?> PrepareAsync()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "--peers needs Linux: LeakSanitizer and Boehm's collector are measured there only";
        }

        if (!await TryBuildAsync().ConfigureAwait(false)
            && !(await TryInstallAsync().ConfigureAwait(false) && await TryBuildAsync().ConfigureAwait(false)))
        {
            return "the C peers could not be built. They need clang with its LeakSanitizer and Boehm's collector; "
                + $"as root: apt-get update && apt-get install {string.Join(' ', s_packages[0])}";
        }

        return await VerifyLeakSanitizerAsync().ConfigureAwait(false);
    }

    private static async Task<bool> TryBuildAsync()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(ProgramOf("raw"))!);
        foreach (string compiler in s_compilers)
        {
            bool isBuilt = true;
            foreach (string peer in Names)
            {
                foreach ((string source, string program) in new[] { ("churn.c", ProgramOf(peer)), ("scan.c", ScanProgramOf(peer)) })
                {
                    isBuilt = isBuilt && await RunAsync(s_buildLimit, compiler,
                        [.. s_flags, Repository.PathOf("benchmarks", "peers", source), "-o", program, .. s_peerFlags[peer]])
                        .ConfigureAwait(false) is { ExitCode: 0 };
                }
            }

            if (isBuilt)
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<bool> TryInstallAsync()
    {
        string[] apt = Environment.IsPrivilegedProcess ? ["apt-get"] : ["sudo", "-n", "apt-get"];
        Console.Error.WriteLine("build: installing clang, its sanitizers and Boehm's collector by apt-get");
        if (await RunAsync(s_installLimit, apt[0], [.. apt[1..], "update"]).ConfigureAwait(false) is not { ExitCode: 0 })
        {
            Console.Error.WriteLine("build: the lists of packages could not be brought up to date");
        }

        foreach (string[] packages in s_packages)
        {
            string[] words = [.. apt[1..], "install", "-y", "--no-install-recommends", .. packages];
            (int? exitCode, string output)? install = await RunAsync(s_installLimit, apt[0], words).ConfigureAwait(false);
            if (install is { exitCode: 0 })
            {
                return true;
            }

            string reason = install?.output.Split('\n').LastOrDefault(line => line.Trim().Length > 0) ?? $"there is no {apt[0]}";
            Console.Error.WriteLine($"build: {string.Join(' ', packages)}: {reason}");
        }

        return false;
    }

    private static async Task<string?> VerifyLeakSanitizerAsync()
    {
        (int? exitCode, string output)? report = await RunAsync(s_buildLimit, ProgramOf("lsan"), ["verify"]).ConfigureAwait(false);
        return report is { exitCode: 0 } && report.Value.output.Contains($"#{LeastFrames - 1} 0x", StringComparison.Ordinal)
            ? null
            : $"LeakSanitizer does not show {LeastFrames} frames of a planted leak here:\n{report?.output}";
    }

    // Null when the command cannot be started. Quiet: its output is for messages.
    private static async Task<(int? ExitCode, string Output)?> RunAsync(TimeSpan limit, string command, IEnumerable<string> words)
    {
        ProcessStartInfo start = new(command, words)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        start.Environment["LSAN_OPTIONS"] = "symbolize=0";
        try
        {
            using Process process = Process.Start(start) ?? throw new InvalidOperationException("No process was started.");
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            using CancellationTokenSource clock = new(limit);
            try
            {
                await process.WaitForExitAsync(clock.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                return (null, "");
            }

            return (process.ExitCode, await output.ConfigureAwait(false) + await errors.ConfigureAwait(false));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // The command is not there; the caller tries the next, and says what is missing.
            return null;
        }
    }
}
