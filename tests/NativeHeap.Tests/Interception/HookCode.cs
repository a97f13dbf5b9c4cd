// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;
using NativeLeak.NativeHeap.Interception;

namespace NativeLeak.NativeHeap.Tests.Interception;

/// <summary>
/// The hook's machine code on a page of its own, as EntryStubs writes it, but for what it leads to: bodies that count
/// themselves and then do the work of the real ones.
/// </summary>
[SupportedOSPlatform("linux")]
internal static unsafe class HookCode
{
    [ThreadStatic]
    private static int t_bodies;

    [ThreadStatic]
    private static int t_ends;

    /// <summary>How often the calling thread was sent to a body that does everything.</summary>
    public static int Bodies => t_bodies;

    /// <summary>How often it was sent to a body that ends what machine code began.</summary>
    public static int Ends => t_ends;

    public static delegate* unmanaged<nuint, void*> Malloc { get; private set; }

    public static delegate* unmanaged<void*, void> Free { get; private set; }

    /// <summary>Pre: the recorder was started.</summary>
    public static void Prepare()
    {
        if (Malloc == null)
        {
            HookBodies.Initialize();
            Malloc = (delegate* unmanaged<nuint, void*>)Write(WriteMalloc, []);
            Free = (delegate* unmanaged<void*, void>)Write(WriteFree, []);
        }
    }

    /// <summary>Malloc without the check that stands behind these bytes: six bytes of a conditional jump become nothing.</summary>
    public static delegate* unmanaged<nuint, void*> MallocWithout(ReadOnlySpan<byte> check)
        => (delegate* unmanaged<nuint, void*>)Write(WriteMalloc, check);

    /// <summary>As <see cref="MallocWithout"/>.</summary>
    public static delegate* unmanaged<void*, void> FreeWithout(ReadOnlySpan<byte> check)
        => (delegate* unmanaged<void*, void>)Write(WriteFree, check);

    /// <summary>The real end of a malloc whose record has no place.</summary>
    public static void* EndMalloc(void* block, nuint byteCount, uint entry)
        => ((delegate* unmanaged<void*, nuint, uint, nuint, nuint, void*>)&HookBodies.FinishMalloc)(block, byteCount, entry, 0, 0);

    /// <summary>The real end of a free whose record is out of its slot.</summary>
    public static void EndFree(void* block, uint entry, uint freeSite)
        => ((delegate* unmanaged<void*, uint, uint, void>)&HookBodies.FinishFree)(block, entry, freeSite);

    private delegate int Writer(Span<byte> code);

    private static nuint Write(Writer writer, ReadOnlySpan<byte> without)
    {
        Span<byte> code = stackalloc byte[MachineCode.MaximumHookByteCount];
        int length = writer(code);
        if (!without.IsEmpty)
        {
            int at = code.IndexOf(without);
            Assert.That(at, Is.GreaterThan(0), "the check is not there");
            at += without.Length;
            Assert.That((code[at], code[at + 1] & 0xF0), Is.EqualTo(((byte)0x0F, 0x80)), "no conditional jump behind it");
            code.Slice(at, 6).Fill(0x90);
        }

        StubPage page = StubPage.TryCreate(LoadedModules.Find("libSystem.Native.so")!.Segments[0].Range)!;
        nuint address = page.Add(code[..length]);
        Assert.That(address, Is.Not.Zero);
        Assert.That(page.Seal());
        return address;
    }

    private static int WriteMalloc(Span<byte> code) => MachineCode.WriteHookMalloc(
        code, ThreadSlot.Offset, (nint)Context(), (nint)(delegate* unmanaged<nuint, nuint, nuint, void*>)&MallocBody,
        (nint)(delegate* unmanaged<void*, nuint, uint, nuint, nuint, void*>)&MallocEnd);

    private static int WriteFree(Span<byte> code) => MachineCode.WriteHookFree(
        code, ThreadSlot.Offset, (nint)Context(), (nint)(delegate* unmanaged<void*, nuint, nuint, void>)&FreeBody,
        (nint)(delegate* unmanaged<void*, uint, uint, void>)&FreeEnd);

    private static HookContext* Context()
    {
        HookContext* context = HookContext.TryCreate();
        Assert.That(context != null, "there is nothing to test without a slot in the control block");
        return context;
    }

    [UnmanagedCallersOnly]
    private static void* MallocBody(nuint byteCount, nuint framePointer, nuint returnAddress)
    {
        t_bodies++;
        return ((delegate* unmanaged<nuint, nuint, nuint, void*>)&HookBodies.Malloc)(byteCount, framePointer, returnAddress);
    }

    [UnmanagedCallersOnly]
    private static void* MallocEnd(void* block, nuint byteCount, uint entry, nuint framePointer, nuint returnAddress)
    {
        t_ends++;
        return ((delegate* unmanaged<void*, nuint, uint, nuint, nuint, void*>)&HookBodies.FinishMalloc)(
            block, byteCount, entry, framePointer, returnAddress);
    }

    [UnmanagedCallersOnly]
    private static void FreeBody(void* block, nuint framePointer, nuint returnAddress)
    {
        t_bodies++;
        ((delegate* unmanaged<void*, nuint, nuint, void>)&HookBodies.Free)(block, framePointer, returnAddress);
    }

    [UnmanagedCallersOnly]
    private static void FreeEnd(void* block, uint entry, uint freeSite)
    {
        t_ends++;
        ((delegate* unmanaged<void*, uint, uint, void>)&HookBodies.FinishFree)(block, entry, freeSite);
    }
}
