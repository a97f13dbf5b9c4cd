// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the entry of the workloads that scan; every figure is printed as one RESULT line of name=value words.
// Who calls it: the verb bench (eng/build), Benchmarks.Tests, and anybody by hand.
// The one idea: a whole scan is measured, as the product makes it, in a process of its own; rounds and medians are the
// caller's.
using System.Globalization;
using NativeLeak.Benchmarks.Scan;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (Arguments.TryRead(args) is not { } asked)
{
    Console.Error.WriteLine(Arguments.Usage);
    return 64;
}

try
{
    Console.WriteLine(asked.Workload switch
    {
        "graph" => GraphWorkload.Run(asked),
        "scan" => DataWorkload.Run(asked),
        _ => PauseWorkload.Run(asked),
    });
    return 0;
}
catch (InvalidOperationException problem)
{
    Console.Error.WriteLine($"{asked.Workload}: {problem.Message}");
    return 1;
}
