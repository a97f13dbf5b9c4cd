// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: pairs of methods that differ in nothing but whose member they call: the original's or the drop-in's.
// Who calls it: OffStateTests, under DOTNET_JitDisasm, with NATIVELEAK unset.
// The one idea: called often, with pauses, each method reaches the last tier, where the switch is a constant; then the
// machine code of the two must be the same, call target for call target.
// Safety: each method frees what it allocated, once.
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>Original and drop-in, call for call.</summary>
internal static unsafe class OffState
{
    private const int LeastQuietRounds = 6;
    private const int MostRounds = 200;
    private const int CallsPerRound = 2000;
    private const int Pause = 120;

    /// <summary>Calls each until nothing is compiled any more.</summary>
    public static string Run()
    {
        int rounds = 0;
        for (int quiet = 0; quiet < LeastQuietRounds && rounds < MostRounds; rounds++)
        {
            long compiled = JitInfo.GetCompiledMethodCount();
            for (int i = 1; i <= CallsPerRound; i++)
            {
                PlainMemory((nuint)i);
                DropInMemory((nuint)i);
                PlainZeroed((nuint)i);
                DropInZeroed((nuint)i);
                PlainRealloc((nuint)i);
                DropInRealloc((nuint)i);
                PlainAligned((nuint)i);
                DropInAligned((nuint)i);
                PlainHGlobal(i);
                DropInHGlobal(i);
                PlainCoTaskMem(i);
                DropInCoTaskMem(i);
            }

            Thread.Sleep(Pause);
            quiet = JitInfo.GetCompiledMethodCount() == compiled ? quiet + 1 : 0;
        }

        return $"RESULT workload=off-state peer=tracked-off calls={rounds * CallsPerRound}";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlainMemory(nuint byteCount) => NativeMemory.Free(NativeMemory.Alloc(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropInMemory(nuint byteCount) => TrackedMemory.Free(TrackedMemory.Alloc(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlainZeroed(nuint byteCount) => NativeMemory.Free(NativeMemory.AllocZeroed(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropInZeroed(nuint byteCount) => TrackedMemory.Free(TrackedMemory.AllocZeroed(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlainRealloc(nuint byteCount) => NativeMemory.Free(NativeMemory.Realloc(null, byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropInRealloc(nuint byteCount) => TrackedMemory.Free(TrackedMemory.Realloc(null, byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlainAligned(nuint byteCount) => NativeMemory.AlignedFree(NativeMemory.AlignedAlloc(byteCount, 64));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropInAligned(nuint byteCount) => TrackedMemory.AlignedFree(TrackedMemory.AlignedAlloc(byteCount, 64));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlainHGlobal(nint byteCount) => Marshal.FreeHGlobal(Marshal.AllocHGlobal(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropInHGlobal(nint byteCount) => TrackedMarshal.FreeHGlobal(TrackedMarshal.AllocHGlobal(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PlainCoTaskMem(int byteCount) => Marshal.FreeCoTaskMem(Marshal.AllocCoTaskMem(byteCount));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropInCoTaskMem(int byteCount) => TrackedMarshal.FreeCoTaskMem(TrackedMarshal.AllocCoTaskMem(byteCount));
}
