// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a program with two leaks and a block that is freed, built against the package.
// Who calls it: Package.Tests.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

if (args.Contains("start"))
{
    NativeLeak.LeakDetector.Start();
}

if (args.Contains("spin"))
{
    return Leaks.Spin();
}

nint freed = Marshal.AllocHGlobal(48);
Marshal.FreeHGlobal(freed);
Leaks.Lose();
Console.WriteLine("done");
return args.Contains("fail") ? 5 : 0;

internal static unsafe class Leaks
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Pair(int byteCount) => Marshal.FreeHGlobal(Marshal.AllocHGlobal(byteCount));

    // Long enough for the last tier.
    public static int Spin()
    {
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 1000; i++)
            {
                Pair(i);
            }

            Thread.Sleep(50);
        }

        return 0;
    }

    public static void Lose()
    {
        for (int i = 0; i < 20; i++)
        {
            Marshal.AllocHGlobal(100).ToString();
            NativeMemory.AllocZeroed(30, 7);
        }
    }
}
