// Licensed under the MIT License. See LICENSE in the repository root.
using System.CommandLine;
using NativeLeak.Cli.Verbs;

namespace NativeLeak.Cli.Tests.Verbs;

/// <summary>Help, completion, errors, and arguments that nobody would write.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class CommandLineTests
{
    private const int FuzzRuns = 4000;

    private static IEnumerable<string> VerbNames => CommandLine.Verbs.Select(static verb => verb.Name);

    private static readonly string[] s_words =
    [
        "run", "attach", "scan", "control", "monitor", "report", "diff", "merge", "ps", "env", "doctor", "explain", "-p", "--process-id", "-n", "--name",
        "--format", "json", "text", "sarif", "-o", "--output", "/proc/nothing/here", "--fail-on", "definite", "new", "growth", "--level", "paranoid", "--option",
        "min_age=1s", "min_age", "=", "nonsense=1", "--min-age", "-1", "999999999", "0", "99999999999999999999", "NaN", "1e400", "\u0000", "\u001b[2J", "ü",
        "", " ", "@file", "-", "-h", "--version", "[suggest]", "[diagram]", "[suggest:3]", "--shell", "bash", "fish", "who=", "scan=off", "off", "--count", "1",
        "--refresh-interval", "0.1", "--top", "5", "-v", "2", "9", "/etc/passwd", "/dev/null", "/", "no-such-file.json", new string('x', 5000),
    ];

    [TestCaseSource(nameof(VerbNames))]
    public async Task EveryVerbHasHelpWithExamplesThatAreUnderstood(string name)
    {
        (int exitCode, string output, string error) = await RunAsync(name, "--help");
        Assert.That((exitCode, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.Contain("Usage:").And.Contain("Examples:\n  dotnet nativeleak " + name).And.Contain("Exit codes: "));
        foreach (string example in CommandLine.Verbs.Single(verb => verb.Name == name).Examples)
        {
            string[] words = example.Split(' ').TakeWhile(static word => word != ">").ToArray();
            Assert.That(CommandLine.CreateRoot().Parse(words).Errors, Is.Empty, example);
        }
    }

    [Test]
    public async Task TheRootHelpNamesEveryVerb()
    {
        (int exitCode, string output, _) = await RunAsync("--help");
        Assert.That(exitCode, Is.Zero);
        Assert.That(VerbNames.Where(name => !output.Contains("  " + name, StringComparison.Ordinal)), Is.Empty);
        Assert.That(output, Does.Contain("[suggest]"));
    }

    [TestCase("[suggest]", "", "attach")]
    [TestCase("[suggest:8]", "scan --f", "--fail-on")]
    [TestCase("[suggest:12]", "env --shell ", "docker")]
    public async Task OptionsAreCompleted(string directive, string line, string expected)
    {
        (int exitCode, string output, _) = await RunAsync(directive, line);
        Assert.That(exitCode, Is.Zero);
        Assert.That(output.Split('\n'), Does.Contain(expected));
    }

    [TestCase("")]
    [TestCase("explain -p 1")]
    [TestCase("scan")]
    [TestCase("scan -p 1 -n x")]
    [TestCase("scan -p one")]
    [TestCase("scan -p 0")]
    [TestCase("scan -p 1 --format html")]
    [TestCase("scan -p 1 --min-age soon")]
    [TestCase("scan -p 1 --bogus")]
    [TestCase("control -p 1")]
    [TestCase("control -p 1 scan clear")]
    [TestCase("run")]
    [TestCase("run --fail-on some -- true")]
    [TestCase("monitor -p 1 --refresh-interval 0")]
    [TestCase("diff one.json")]
    [TestCase("env --shell fish")]
    [TestCase("report a.json -v 3")]
    public async Task WrongUsageIsTwoWithASentenceAndNothingOnStandardOutput(string line)
    {
        (int exitCode, string output, string error) = await RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.That((exitCode, output), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(error, Does.StartWith("nativeleak: "));
    }

    [Test]
    public async Task NoArgumentsMakeTheToolFailInAnotherWay()
    {
        int seed = Environment.GetEnvironmentVariable("NATIVELEAK_FUZZ_SEED") is { } text ? int.Parse(text) : Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed} (NATIVELEAK_FUZZ_SEED repeats it)");
        Random random = new(seed);
        Dictionary<int, int> codes = [];
        for (int i = 0; i < FuzzRuns; i++)
        {
            string[] arguments = [.. Enumerable.Range(0, random.Next(7)).Select(_ => s_words[random.Next(s_words.Length)])];
            // What could start a program, write a file or go on for ever is another test's.
            if (arguments is ["run", ..] or ["monitor", ..] || arguments.Contains("-o") || arguments.Contains("--output"))
            {
                continue;
            }

            (int exitCode, _, string error) = await RunAsync(arguments);
            string shown = $"seed {seed}, run {i}: {string.Join(' ', arguments)}\n{error}";
            Assert.That(exitCode, Is.AnyOf(0, ExitCode.Usage, ExitCode.ToolFailed), shown);
            Assert.That(error, Does.Not.Contain("   at ").And.Not.Contain("did not go as it should"), shown);
            Assert.That(error.Contains('\u001b'), Is.False, shown);
            Assert.That(exitCode == 0 || error.Length > 0, Is.True, shown);
            codes[exitCode] = codes.GetValueOrDefault(exitCode) + 1;
        }

        Assert.That(codes.Keys, Is.SupersetOf(new[] { 0, ExitCode.Usage }), "the control: some were right, some wrong");
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        TextWriter output = Console.Out, error = Console.Error;
        using StringWriter capturedOutput = new() { NewLine = "\n" }, capturedError = new() { NewLine = "\n" };
        Console.SetOut(capturedOutput);
        Console.SetError(capturedError);
        try
        {
            int exitCode = await CommandLine.RunAsync(arguments);
            return (exitCode, capturedOutput.ToString(), capturedError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
