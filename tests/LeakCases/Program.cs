// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the program every scenario of docs/scenarios.md runs in.
//   LeakCases NAME               plants the case and ends
//   LeakCases --self-check NAME  plants it, checks that it planted what it declares, and prints that as JSON
//   LeakCases --list             names all cases
//   LeakCases --corpus           plants the corpus of managed holders, scans, and prints the report as JSON
//   LeakCases --host NAME        runs a program that a detector must not change
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using LeakCases;
using LeakCases.Corpus;
using LeakCases.Hosts;
using LeakCases.Planting;

// The detector's first look at a call stack makes the compiler work. It is to be over, on this thread, before a block is
// planted: what it leaves in a thread's heap points into memory that comes next.
Marshal.FreeHGlobal(Marshal.AllocHGlobal(1));

switch (args)
{
    case ["--list"]:
        foreach (LeakCase known in CaseTable.All)
        {
            Console.WriteLine(known.Name);
        }

        return 0;

    case ["--self-check", string name] when CaseTable.Find(name) is { } checkedCase:
        return SelfCheck(checkedCase);

    case ["--corpus"]:
        PlantAll(HolderCorpus.Case, new Plan(HolderCorpus.Case));
        Console.Write(DetectorApi.Scan());
        return 0;

    case ["--host", string name] when HostProgram.All.TryGetValue(name, out Func<int>? host)
        || FaultProgram.All.TryGetValue(name, out host):
        return host();

    case [string name] when CaseTable.Find(name) is { } leakCase:
        PlantAll(leakCase, new Plan(leakCase));
        leakCase.Finish?.Invoke();
        return Environment.ExitCode;

    default:
        Console.Error.WriteLine("usage: LeakCases NAME | --self-check NAME | --list | --host NAME");
        return 2;
}

[MethodImpl(MethodImplOptions.NoInlining)]
static void PlantAll(LeakCase leakCase, Plan plan) => PlantingThread.Run(() =>
{
    // First, so that it cannot get the address of a block that the case frees.
    plan.Alloc(LeakCase.Canary);
    leakCase.Plant(plan);
});

static int SelfCheck(LeakCase leakCase)
{
    Plan plan = new(leakCase);
    PlantAll(leakCase, plan);
    if (plan.Difference() is { } difference)
    {
        Console.Error.WriteLine(difference);
        return 1;
    }

    Console.WriteLine(JsonSerializer.Serialize(new
    {
        name = leakCase.Name,
        twin = leakCase.Twin,
        scenarios = leakCase.Scenarios,
        options = leakCase.Options,
        blocks = leakCase.Blocks.Select(block => new
        {
            name = block.Name,
            size = block.Size,
            count = block.Count,
            definite = block.Definite,
            indirect = block.Indirect,
            possible = block.Possible,
        }),
    }));
    return 0;
}
