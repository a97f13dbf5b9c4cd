// Licensed under the MIT License. See LICENSE in the repository root.
using HookDriver;
using NativeLeak.Interop.Linux.Patching;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;

// HookDriver <command> <tier>: every line of output is name=value …; the tests know what to expect.
string command = args[0];
InterceptionTier asked = Enum.Parse<InterceptionTier>(args[1]);
StubPage.TestHookIsFar = Environment.GetEnvironmentVariable("HOOKDRIVER_STUBS") == "far";
if (command == "unknown")
{
    UnknownCode.PutBehind("SystemNative_Calloc");
}

AllocationRecorder.Start(16);
Counts atStart = Counts.Now;
InterceptionTier tier = command == "late" ? LateInstall.Install(asked, out string detail) : RuntimeHook.Install(asked, out detail);
Console.WriteLine($"tier={tier}");
Console.WriteLine($"detail={detail}");
Console.WriteLine($"islands={HookInstallation.IslandCount}");
switch (command)
{
    case "apis": ApiCases.Run(); break;
    case "late": Console.WriteLine($"late=done left={(Counts.Now - atStart).LiveBlocks}"); break;
    case "unknown": ApiCases.Run(); break;
    case "sites": SiteCases.Run(); break;
    case "realloc": ReallocCases.Run(); break;
    case "errno": ErrnoCases.Run(); break;
    case "stress": Stress.Run(int.Parse(args[2])); break;
    case "threads": ThreadCases.Run(int.Parse(args[2])); break;
    case "exit": ExitCases.HammerDuringExit(); return 7;
    case "failfast": ExitCases.HammerThenFailFast(); break;
    case "unhandled": ExitCases.HammerThenThrow(); break;
    case "copies": CopyCases.Run(detail); break;
    default: return 64;
}

Console.WriteLine($"failures={HookBodies.Failures}");
return 0;
