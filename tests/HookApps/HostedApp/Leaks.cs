// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace HostedApp;

/// <summary>What the services do with native memory.</summary>
internal static class Leaks
{
    /// <summary>Loses one block.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Lose(int byteCount) => Marshal.WriteByte(Marshal.AllocHGlobal(byteCount), 1);

    /// <summary>Allocates a block, uses it and frees it.</summary>
    public static int Use(int byteCount)
    {
        nint block = Marshal.AllocHGlobal(byteCount);
        Marshal.WriteByte(block, 7);
        int read = Marshal.ReadByte(block);
        Marshal.FreeHGlobal(block);
        return read;
    }
}
