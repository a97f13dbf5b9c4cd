// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Interop.Linux.Patching;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>A page of code of our own to patch: functions of the shapes that the runtime's library has.</summary>
internal sealed unsafe class CodePage
{
    private readonly StubPage _page;

    private CodePage(StubPage page) => _page = page;

    public MemoryRange Range => _page.Range;

    /// <summary>A page somewhere near the code of the process.</summary>
    public static CodePage Anywhere() => new(StubPage.TryCreate(LoadedModules.Find("libSystem.Native.so")!.Segments[0].Range)!);

    /// <summary>A page out of reach of a 32-bit displacement from any module.</summary>
    public static CodePage FarAway()
    {
        nuint start = (nuint)1 << 37;
        return new CodePage(StubPage.TryCreate(new MemoryRange(start, start + 4096))!);
    }

    public nuint Add(params ReadOnlySpan<byte> code)
    {
        nuint address = _page.Add(code);
        Assert.That(address, Is.Not.Zero);
        return address;
    }

    /// <summary>mov eax, value; ret</summary>
    public nuint AddReturning(byte value) => Add(0xB8, value, 0, 0, 0, 0xC3);

    /// <summary>push rbp; mov rbp,rsp; pop rbp; jmp target; padding — as SystemNative_Malloc.</summary>
    public nuint AddWrapper(nuint target, byte padding = 0xCC)
    {
        Span<byte> code = stackalloc byte[16];
        code.Fill(padding);
        ((ReadOnlySpan<byte>)[0x55, 0x48, 0x89, 0xE5, 0x5D, 0xE9]).CopyTo(code);
        nuint address = Add(code);
        *(int*)(address + 6) = checked((int)((long)target - (long)(address + 10)));
        return address;
    }

    /// <summary>A function that saves registers, calls <paramref name="callee"/> and returns its answer — the beginning is
    /// that of SystemNative_AlignedRealloc.</summary>
    public nuint AddCalling(nuint callee)
    {
        nuint address = Add(
            [
                0x55, 0x48, 0x89, 0xE5, 0x41, 0x57, 0x41, 0x56, 0x53, 0x50, 0x49, 0x89, 0xD7, 0x48, 0x89, 0xFB,
                0x48, 0x89, 0xF7, 0x48, 0x89, 0xD6, 0xE8, 0, 0, 0, 0, 0x48, 0x83, 0xC4, 0x08, 0x5B, 0x41, 0x5E, 0x41, 0x5F, 0x5D, 0xC3,
            ]);
        *(int*)(address + 23) = checked((int)((long)callee - (long)(address + 27)));
        return address;
    }

    /// <summary>The stub between its call and <paramref name="entry"/>.</summary>
    public nuint AddTakeBack(nuint entry)
    {
        Span<byte> code = stackalloc byte[MachineCode.MaximumEntryByteCount];
        return Add(code[..MachineCode.WriteTakeBack(code, (nint)entry)]);
    }

    /// <summary>lea rax,[rdi+2*rsi]; lea rax,[rax+4*rdx]; ret</summary>
    public nuint AddMixing() => Add(0x48, 0x8D, 0x04, 0x77, 0x48, 0x8D, 0x04, 0x90, 0xC3);

    public void Seal() => Assert.That(_page.Seal(), Is.True);

    /// <summary>Calls a function without arguments.</summary>
    public static int Call(nuint function) => ((delegate* unmanaged<int>)function)();

    /// <summary>Calls a function of three arguments.</summary>
    public static int Call(nuint function, nint first, nint second, nint third)
        => ((delegate* unmanaged<nint, nint, nint, int>)function)(first, second, third);

    public static byte[] BytesAt(nuint address) => new ReadOnlySpan<byte>((void*)address, CodePatch.ByteCount).ToArray();
}
