// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the entry of the workloads; every figure is printed as one RESULT line of name=value words.
// Who calls it: the verb bench (eng/build), Benchmarks.Tests, and anybody by hand.
// The one idea: one process measures one peer in one workload once; rounds, peers' order and medians are the caller's.
using System.Globalization;
using NativeLeak.Benchmarks.Churn;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (Arguments.TryRead(args) is not { } asked)
{
    Console.Error.WriteLine(Arguments.Usage);
    return 64;
}

string line;
try
{
    line = asked.Workload switch
    {
        "churn" => Workloads.Churn(asked),
        "retain" => Workloads.Retain(asked),
        "first-sight" => Workloads.FirstSight(asked),
        "start" => Workloads.Start(asked),
        _ => OffState.Run(),
    };
}
catch (InvalidOperationException problem)
{
    Console.Error.WriteLine($"{asked.Workload} {asked.Peer.Name}: {problem.Message}");
    return 1;
}

Console.WriteLine(line);
return 0;
