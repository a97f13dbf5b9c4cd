// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security;

namespace HookDriver;

/// <summary>Every managed API that allocates from the C heap, with the API that frees it.</summary>
internal static unsafe partial class ApiCases
{
    private const string Text = "a string of some length";

    /// <summary>Prints per case: live blocks after the allocation, after the free, and unknown frees meanwhile.</summary>
    public static void Run()
    {
        List<string> lines = [];
        foreach ((string name, Func<nint> allocate, Action<nint> free) in All())
        {
            // Once to warm the API itself up: first calls may allocate for themselves.
            free(allocate());
            Counts before = Counts.Now;
            nint block = allocate();
            Counts during = Counts.Now - before;
            free(block);
            Counts after = Counts.Now - before;
            lines.Add($"case={name} live={during.LiveBlocks} left={after.LiveBlocks} unknown={after.UnknownFrees}");
        }

        lines.ForEach(Console.WriteLine);
    }

    private static IEnumerable<(string Name, Func<nint> Allocate, Action<nint> Free)> All()
        => [.. Native(), .. Heaps(), .. Strings(), .. Indirect()];

    private static (string, Func<nint>, Action<nint>)[] Native() =>
    [
        ("NativeMemory.Alloc", () => (nint)NativeMemory.Alloc(32), FreeNative),
        ("NativeMemory.Alloc.zero", () => (nint)NativeMemory.Alloc(0), FreeNative),
        ("NativeMemory.Alloc.elements", () => (nint)NativeMemory.Alloc(5, 7), FreeNative),
        ("NativeMemory.Alloc.large", () => (nint)NativeMemory.Alloc(1 << 20), FreeNative),
        ("NativeMemory.AllocZeroed", () => (nint)NativeMemory.AllocZeroed(32), FreeNative),
        ("NativeMemory.AllocZeroed.zero", () => (nint)NativeMemory.AllocZeroed(0), FreeNative),
        ("NativeMemory.AllocZeroed.large", () => (nint)NativeMemory.AllocZeroed(1 << 20), FreeNative),
        ("NativeMemory.Realloc.null", () => (nint)NativeMemory.Realloc(null, 32), FreeNative),
        ("NativeMemory.Realloc.grow", () => (nint)NativeMemory.Realloc(NativeMemory.Alloc(8), 4096), FreeNative),
        ("NativeMemory.Realloc.zero", () => (nint)NativeMemory.Realloc(NativeMemory.Alloc(8), 0), FreeNative),
        ("NativeMemory.AlignedAlloc", () => (nint)NativeMemory.AlignedAlloc(100, 64), FreeAligned),
        ("NativeMemory.AlignedAlloc.large", () => (nint)NativeMemory.AlignedAlloc(1 << 20, 4096), FreeAligned),
        ("NativeMemory.AlignedRealloc.null", () => (nint)NativeMemory.AlignedRealloc(null, 100, 64), FreeAligned),
        ("NativeMemory.AlignedRealloc.grow",
            () => (nint)NativeMemory.AlignedRealloc(NativeMemory.AlignedAlloc(100, 64), 9000, 64), FreeAligned),
    ];

    private static (string, Func<nint>, Action<nint>)[] Heaps() =>
    [
        ("Marshal.AllocHGlobal", () => Marshal.AllocHGlobal(32), Marshal.FreeHGlobal),
        ("Marshal.AllocHGlobal.nint", () => Marshal.AllocHGlobal((nint)32), Marshal.FreeHGlobal),
        ("Marshal.ReAllocHGlobal", () => Marshal.ReAllocHGlobal(Marshal.AllocHGlobal(8), 4096), Marshal.FreeHGlobal),
        ("Marshal.AllocCoTaskMem", () => Marshal.AllocCoTaskMem(32), Marshal.FreeCoTaskMem),
        ("Marshal.ReAllocCoTaskMem.null", () => Marshal.ReAllocCoTaskMem(0, 32), Marshal.FreeCoTaskMem),
        ("Marshal.ReAllocCoTaskMem", () => Marshal.ReAllocCoTaskMem(Marshal.AllocCoTaskMem(8), 4096), Marshal.FreeCoTaskMem),
        ("Marshal.ReAllocCoTaskMem.free", () => Marshal.AllocCoTaskMem(8), block => Marshal.ReAllocCoTaskMem(block, 0)),
    ];

    private static (string, Func<nint>, Action<nint>)[] Strings() =>
    [
        ("Marshal.StringToHGlobalAnsi", () => Marshal.StringToHGlobalAnsi(Text), Marshal.FreeHGlobal),
        ("Marshal.StringToHGlobalUni", () => Marshal.StringToHGlobalUni(Text), Marshal.ZeroFreeGlobalAllocUnicode),
        ("Marshal.StringToHGlobalAuto", () => Marshal.StringToHGlobalAuto(Text), Marshal.ZeroFreeGlobalAllocAnsi),
        ("Marshal.StringToCoTaskMemAnsi", () => Marshal.StringToCoTaskMemAnsi(Text), Marshal.ZeroFreeCoTaskMemAnsi),
        ("Marshal.StringToCoTaskMemUni", () => Marshal.StringToCoTaskMemUni(Text), Marshal.ZeroFreeCoTaskMemUnicode),
        ("Marshal.StringToCoTaskMemAuto", () => Marshal.StringToCoTaskMemAuto(Text), Marshal.FreeCoTaskMem),
        ("Marshal.StringToCoTaskMemUTF8", () => Marshal.StringToCoTaskMemUTF8(Text), Marshal.ZeroFreeCoTaskMemUTF8),
        ("Marshal.StringToBSTR", () => Marshal.StringToBSTR(Text), Marshal.FreeBSTR),
        ("Marshal.StringToBSTR.zerofree", () => Marshal.StringToBSTR(Text), Marshal.ZeroFreeBSTR),
        ("Marshal.SecureStringToBSTR", () => Secret(Marshal.SecureStringToBSTR), Marshal.ZeroFreeBSTR),
        ("Marshal.SecureStringToGlobalAllocAnsi", () => Secret(Marshal.SecureStringToGlobalAllocAnsi), Marshal.ZeroFreeGlobalAllocAnsi),
        ("Marshal.SecureStringToGlobalAllocUnicode", () => Secret(Marshal.SecureStringToGlobalAllocUnicode), Marshal.ZeroFreeGlobalAllocUnicode),
        ("Marshal.SecureStringToCoTaskMemAnsi", () => Secret(Marshal.SecureStringToCoTaskMemAnsi), Marshal.ZeroFreeCoTaskMemAnsi),
        ("Marshal.SecureStringToCoTaskMemUnicode", () => Secret(Marshal.SecureStringToCoTaskMemUnicode), Marshal.ZeroFreeCoTaskMemUnicode),
    ];

    private static (string, Func<nint>, Action<nint>)[] Indirect()
    {
        MethodInfo allocate = typeof(Marshal).GetMethod(nameof(Marshal.AllocHGlobal), [typeof(int)])!;
        MethodInfo free = typeof(Marshal).GetMethod(nameof(Marshal.FreeHGlobal), [typeof(nint)])!;
        Func<int, nint> bound = allocate.CreateDelegate<Func<int, nint>>();
        delegate*<int, nint> pointer = &Marshal.AllocHGlobal;
        nint address = (nint)pointer;
        return
        [
            ("reflection", () => (nint)allocate.Invoke(null, [32])!, block => free.Invoke(null, [block])),
            ("delegate", () => bound(32), Marshal.FreeHGlobal),
            ("function pointer", () => ((delegate*<int, nint>)address)(32), Marshal.FreeHGlobal),
            ("finalizer thread", () => Marshal.AllocHGlobal(16), block => Finalized.FreeByFinalizer(block)),
            ("native free", () => 0, _ => Marshal.FreeHGlobal(0)),
            ("marshalled string", () => 0, _ => GC.KeepAlive(strlen(new string('x', 1000)))),
        ];
    }

    private static void FreeNative(nint block) => NativeMemory.Free((void*)block);

    private static void FreeAligned(nint block) => NativeMemory.AlignedFree((void*)block);

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
    private static partial nuint strlen(string text);

    private sealed class Finalized(nint block)
    {
        ~Finalized() => Marshal.FreeHGlobal(block);

        public static void FreeByFinalizer(nint block)
        {
            Drop(block);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        private static void Drop(nint block) => GC.KeepAlive(new Finalized(block));
    }
}
