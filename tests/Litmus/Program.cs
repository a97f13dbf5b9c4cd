// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Litmus;
using NativeLeak.NativeHeap.Allocation;

LitmusOptions? options = LitmusOptions.Parse(args, out string? problem);
if (options is null)
{
    await Console.Error.WriteLineAsync($"litmus: {problem}\n\n{LitmusOptions.Usage}").ConfigureAwait(false);
    return ExitCode.Usage;
}

if (options.ShowsHelp)
{
    Console.WriteLine(LitmusOptions.Usage);
    return ExitCode.Pass;
}

AssertionLog.Install();
CoarseClock.Start();
ThreadNumbers.Initialize();
return new RaceRunner(options, Console.Out).Run();
