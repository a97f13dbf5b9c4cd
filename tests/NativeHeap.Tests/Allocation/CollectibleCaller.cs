// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Tests.Allocation;

/// <summary>Loaded a second time into a collectible context, to stand on the stack of an allocation there.</summary>
internal static class CollectibleCaller
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Call(Func<uint> body)
    {
        uint result = body();
        GC.KeepAlive(body);
        return result;
    }
}
