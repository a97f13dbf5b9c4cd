// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a program with two leaks and a block that is freed, built against the package.
// Who calls it: Package.Tests.
using System.Runtime.InteropServices;

if (args.Contains("start"))
{
    NativeLeak.LeakDetector.Start();
}

nint freed = Marshal.AllocHGlobal(48);
Marshal.FreeHGlobal(freed);
Leaks.Lose();
Console.WriteLine("done");
return args.Contains("fail") ? 5 : 0;

internal static unsafe class Leaks
{
    public static void Lose()
    {
        for (int i = 0; i < 20; i++)
        {
            Marshal.AllocHGlobal(100).ToString();
            NativeMemory.AllocZeroed(30, 7);
        }
    }
}
