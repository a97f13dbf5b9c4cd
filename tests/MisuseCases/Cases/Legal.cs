// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using System.Security;
using NativeLeak;

namespace MisuseCases.Cases;

/// <summary>What programs rightly do: nothing of it may be reported.</summary>
internal static unsafe partial class Legal
{
    private const string Text = "a string of some length";
    private const string Held = "quarantine=1m,poison=1";

    public static MisuseCase[] All =>
    [
        new("legal-pairs", static () => Repeat(50, Pairs)),
        new("legal-pairs-held", static () => Repeat(50, Pairs)) { Options = Held },
        new("legal-pairs-tracked", static () => Repeat(50, TrackedPairs)),
        new("legal-pairs-across", static () => Repeat(50, AcrossPairs)),
        new("free-on-another-thread", OnAnotherThread),
        new("free-by-finalizer", ByFinalizer),
        new("free-through-a-delegate", ThroughDelegate),
        new("free-of-native-blocks", NativeBlocks),
        new("free-of-null", FreeNull),
        new("failed-reallocation", static () => FailedRealloc(false)),
        new("failed-reallocation-held", static () => FailedRealloc(false)) { Options = Held },
        new("failed-reallocation-tracked", static () => FailedRealloc(true)),
        new("random-sequences", static () => Sequences.Run(1, 4, 30_000)),
        new("random-sequences-held", static () => Sequences.Run(2, 4, 30_000)) { Options = "quarantine=256k,poison=1" },
        new("random-sequences-one-thread", static () => Sequences.Run(3, 1, 60_000)),
    ];

    private static void Repeat(int count, Action action)
    {
        for (int i = 0; i < count; i++)
        {
            action();
        }
    }

    private static void Pairs()
    {
        Marshal.FreeHGlobal(Marshal.AllocHGlobal(10));
        Marshal.FreeHGlobal(Marshal.ReAllocHGlobal(Marshal.AllocHGlobal(10), 900));
        Marshal.FreeHGlobal(Marshal.StringToHGlobalAnsi(Text));
        Marshal.FreeHGlobal(Marshal.StringToHGlobalUni(Text));
        Marshal.FreeHGlobal(Marshal.StringToHGlobalAuto(Text));
        Marshal.ZeroFreeGlobalAllocAnsi(Marshal.StringToHGlobalAnsi(Text));
        Marshal.ZeroFreeGlobalAllocUnicode(Marshal.StringToHGlobalUni(Text));
        Marshal.FreeCoTaskMem(Marshal.AllocCoTaskMem(10));
        Marshal.FreeCoTaskMem(Marshal.ReAllocCoTaskMem(Marshal.AllocCoTaskMem(10), 900));
        Marshal.ReAllocCoTaskMem(Marshal.AllocCoTaskMem(10), 0);
        Marshal.FreeCoTaskMem(Marshal.StringToCoTaskMemUTF8(Text));
        Marshal.FreeCoTaskMem(Marshal.StringToCoTaskMemAuto(Text));
        Marshal.ZeroFreeCoTaskMemAnsi(Marshal.StringToCoTaskMemAnsi(Text));
        Marshal.ZeroFreeCoTaskMemUnicode(Marshal.StringToCoTaskMemUni(Text));
        Marshal.ZeroFreeCoTaskMemUTF8(Marshal.StringToCoTaskMemUTF8(Text));
        Marshal.FreeBSTR(Marshal.StringToBSTR(Text));
        Marshal.ZeroFreeBSTR(Marshal.StringToBSTR(Text));
        Marshal.ZeroFreeBSTR(Secret(Marshal.SecureStringToBSTR));
        Marshal.ZeroFreeGlobalAllocAnsi(Secret(Marshal.SecureStringToGlobalAllocAnsi));
        Marshal.ZeroFreeGlobalAllocUnicode(Secret(Marshal.SecureStringToGlobalAllocUnicode));
        Marshal.ZeroFreeCoTaskMemAnsi(Secret(Marshal.SecureStringToCoTaskMemAnsi));
        Marshal.ZeroFreeCoTaskMemUnicode(Secret(Marshal.SecureStringToCoTaskMemUnicode));
        NativeMemory.Free(NativeMemory.Alloc(10));
        NativeMemory.Free(NativeMemory.AllocZeroed(3, 7));
        NativeMemory.Free(NativeMemory.Realloc(NativeMemory.Alloc(10), 900));
        NativeMemory.AlignedFree(NativeMemory.AlignedAlloc(100, 64));
        NativeMemory.AlignedFree(NativeMemory.AlignedRealloc(NativeMemory.AlignedAlloc(100, 64), 500, 128));
        GC.KeepAlive(strlen(new string('x', 1000)));
    }

    private static void TrackedPairs()
    {
        TrackedMarshal.FreeHGlobal(TrackedMarshal.AllocHGlobal(10));
        TrackedMarshal.FreeHGlobal(TrackedMarshal.ReAllocHGlobal(TrackedMarshal.AllocHGlobal(10), 900));
        TrackedMarshal.ZeroFreeGlobalAllocUnicode(TrackedMarshal.StringToHGlobalUni(Text));
        TrackedMarshal.FreeCoTaskMem(TrackedMarshal.ReAllocCoTaskMem(TrackedMarshal.AllocCoTaskMem(10), 900));
        TrackedMarshal.ReAllocCoTaskMem(TrackedMarshal.AllocCoTaskMem(10), 0);
        TrackedMarshal.ZeroFreeCoTaskMemUTF8(TrackedMarshal.StringToCoTaskMemUTF8(Text));
        TrackedMarshal.FreeBSTR(TrackedMarshal.StringToBSTR(Text));
        TrackedMarshal.ZeroFreeBSTR(Secret(TrackedMarshal.SecureStringToBSTR));
        TrackedMarshal.ZeroFreeGlobalAllocAnsi(Secret(TrackedMarshal.SecureStringToGlobalAllocAnsi));
        TrackedMemory.Free(TrackedMemory.Realloc(TrackedMemory.Alloc(10), 900));
        TrackedMemory.AlignedFree(TrackedMemory.AlignedRealloc(TrackedMemory.AlignedAlloc(100, 64), 500, 128));
    }

    private static void AcrossPairs()
    {
        Marshal.FreeHGlobal(TrackedMarshal.StringToHGlobalUni(Text));
        TrackedMarshal.FreeHGlobal(Marshal.StringToHGlobalUni(Text));
        Marshal.ZeroFreeBSTR(TrackedMarshal.StringToBSTR(Text));
        TrackedMarshal.FreeBSTR(Marshal.StringToBSTR(Text));
        NativeMemory.Free(TrackedMemory.Realloc(NativeMemory.Alloc(10), 900));
        TrackedMemory.AlignedFree(NativeMemory.AlignedAlloc(100, 64));
        Marshal.FreeCoTaskMem(TrackedMarshal.ReAllocCoTaskMem(Marshal.AllocCoTaskMem(10), 900));
        TrackedMarshal.ZeroFreeGlobalAllocAnsi(Secret(Marshal.SecureStringToGlobalAllocAnsi));
    }

    private static void OnAnotherThread()
    {
        for (int i = 0; i < 50; i++)
        {
            nint block = Marshal.AllocHGlobal(100);
            Thread thread = new(() => Marshal.FreeHGlobal(block));
            thread.Start();
            thread.Join();
        }
    }

    private static void ByFinalizer()
    {
        for (int i = 0; i < 20; i++)
        {
            Drop();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Drop() => GC.KeepAlive(new Owner(Marshal.AllocCoTaskMem(64)));

    private static void ThroughDelegate()
    {
        Action<nint>[] frees = [Marshal.FreeHGlobal, Marshal.FreeCoTaskMem];
        Func<int, nint>[] allocations = [Marshal.AllocHGlobal, Marshal.AllocCoTaskMem];
        for (int i = 0; i < 400; i++)
        {
            frees[i % 2](allocations[i % 2](40));
        }
    }

    private static void NativeBlocks()
    {
        for (int i = 0; i < 1000; i++)
        {
            Marshal.FreeHGlobal(strdup(Text));
            Marshal.FreeCoTaskMem(realpath("/proc", 0));
            NativeMemory.Free((void*)malloc((nuint)(i * 300)));
        }
    }

    private static void FreeNull()
    {
        Marshal.FreeHGlobal(0);
        Marshal.FreeCoTaskMem(0);
        Marshal.FreeBSTR(0);
        NativeMemory.Free(null);
        NativeMemory.AlignedFree(null);
        TrackedMarshal.FreeHGlobal(0);
        TrackedMemory.AlignedFree(null);
    }

    private static void FailedRealloc(bool isTracked)
    {
        byte* block = (byte*)(isTracked ? TrackedMemory.Alloc(100) : NativeMemory.Alloc(100));
        new Span<byte>(block, 100).Fill(9);
        try
        {
            _ = isTracked ? TrackedMemory.Realloc(block, nuint.MaxValue / 4) : NativeMemory.Realloc(block, nuint.MaxValue / 4);
            throw new InvalidOperationException("the C heap gave what it cannot have");
        }
        catch (OutOfMemoryException)
        {
            if (new ReadOnlySpan<byte>(block, 100).IndexOfAnyExcept((byte)9) >= 0)
            {
                throw new InvalidOperationException("a failed reallocation changed the old block");
            }
        }

        if (isTracked)
        {
            TrackedMemory.Free(block);
        }
        else
        {
            NativeMemory.Free(block);
        }
    }

    private static nint Secret(Func<SecureString, nint> convert)
    {
        using SecureString secret = new();
        foreach (char letter in Text)
        {
            secret.AppendChar(letter);
        }

        return convert(secret);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint strdup(string text);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint realpath(string path, nint resolved);

    [LibraryImport("libc")]
    private static partial nint malloc(nuint byteCount);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nuint strlen(string text);

    private sealed class Owner(nint block)
    {
        ~Owner() => Marshal.FreeCoTaskMem(block);
    }
}
