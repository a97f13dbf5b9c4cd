// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// PlainApp work | early | exhaust | variables | child <file> <args…> | signal | throw
switch (args.Length == 0 ? "work" : args[0])
{
    case "work":
        Work();
        return 5;
    case "early":
        Early.FromMain = Marshal.AllocHGlobal(333);
        Console.WriteLine("early");
        return 0;
    case "exhaust":
        Exhaustion.Run();
        return 6;
    case "variables":
        PrintVariables();
        return 0;
    case "child":
        using (Process child = Process.Start(new ProcessStartInfo(args[1], args[2..]) { UseShellExecute = false })!)
        {
            child.WaitForExit();
            return child.ExitCode;
        }

    case "signal":
        Console.WriteLine("ready");
        Thread.Sleep(Timeout.Infinite);
        return 0;
    default:
        throw new InvalidOperationException("asked to throw");
}

static unsafe void Work()
{
    long sum = 0;
    Parallel.For(0, 4, lane =>
    {
        for (int i = 0; i < 5_000; i++)
        {
            byte* block = (byte*)NativeMemory.AllocZeroed((nuint)(1 + (i % 700)));
            *block = (byte)i;
            block = (byte*)NativeMemory.Realloc(block, 2000);
            Interlocked.Add(ref sum, *block);
            NativeMemory.Free(block);
            Marshal.FreeBSTR(Marshal.StringToBSTR("lane " + lane));
        }
    });
    GC.Collect();
    Console.WriteLine($"sum={sum}");
    try
    {
        Marshal.AllocHGlobal(nint.MaxValue);
    }
    catch (OutOfMemoryException)
    {
        Console.Error.WriteLine("out of memory, as it should be");
    }

    // Two blocks nobody will ever find again.
    Marshal.AllocHGlobal(1000);
    Marshal.StringToCoTaskMemUTF8("lost");
    using Process child = Process.Start(new ProcessStartInfo("/bin/echo", ["child output"]) { UseShellExecute = false })!;
    child.WaitForExit();
    Console.WriteLine($"child={child.ExitCode}");
}

static void PrintVariables()
{
    foreach (string name in (string[])["NATIVELEAK", "NATIVELEAK_INHERIT", "NATIVELEAK_OPTIONS", "DOTNET_STARTUP_HOOKS"])
    {
        Console.WriteLine($"{name}={Environment.GetEnvironmentVariable(name) ?? "(unset)"}");
    }

    Console.WriteLine($"latch={AppContext.GetData("NativeLeak.StartupHook") ?? "(unset)"}");
}

/// <summary>Allocates before the first line of Main.</summary>
internal static class Early
{
    public static nint FromMain;

    private static readonly nint s_fromTypeInitializer = Marshal.AllocHGlobal(222);
    private static nint s_fromModuleInitializer;

    // CA2255: the point is to run as early as an application can.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialize()
    {
        if (Environment.GetCommandLineArgs().Contains("early"))
        {
            s_fromModuleInitializer = Marshal.AllocHGlobal(111);
            GC.KeepAlive(s_fromModuleInitializer + s_fromTypeInitializer);
        }
    }
}
