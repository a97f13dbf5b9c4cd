// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using StackShapes;
using StackShapes.Shapes;

// StackShapes <allocations of the mixture> [rounds]: every line of output is name=value …
// StackShapes first-sight: what new stacks cost.
if (args[0] == "first-sight")
{
    AllocationRecorder.Start(16);
    RuntimeHook.Install(out _);
    FirstSight.Run();
    return 0;
}

int mixed = int.Parse(args[0]);
int rounds = args.Length > 1 ? int.Parse(args[1]) : 4;
AllocationRecorder.Start(16);
Console.WriteLine($"tier={RuntimeHook.Install(out _)}");
for (int round = 0; round < rounds; round++)
{
    foreach ((string name, Action run) in AllShapes.List)
    {
        Oracle.Shape = name;
        run();
    }

    Oracle.Shape = "mixture";
    Mixture.Run(mixed / rounds, round);
    Oracle.Shape = "mixture on threads";
    Mixture.RunOnThreads(mixed / rounds / 10, round);
}

(long allocations, long methods, long lines, long cut) = (0, 0, 0, 0);
foreach ((string name, Tally tally) in Oracle.Tallies)
{
    Console.WriteLine($"shape={name}: allocations={tally.Allocations} sites={tally.Sites.Count} "
        + $"wrongMethods={tally.WrongMethods} wrongLines={tally.WrongLines} short={tally.Short}");
    if (tally.First is not null)
    {
        Console.WriteLine($"first={name}: {tally.First}");
    }

    allocations += tally.Allocations;
    methods += tally.WrongMethods;
    lines += tally.WrongLines;
    cut += tally.Short;
}

Console.WriteLine($"allocations={allocations}");
Console.WriteLine($"wrongMethods={methods}");
Console.WriteLine($"wrongLines={lines}");
Console.WriteLine($"short={cut}");
Console.WriteLine($"plainConfused={Oracle.PlainConfused}");
Console.WriteLine($"truncatedConfused={Oracle.TruncatedConfused}");
Console.WriteLine($"sites={SiteDepot.Count}");
Console.WriteLine($"failures={HookBodies.Failures}");
return 0;
