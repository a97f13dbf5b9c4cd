// Licensed under the MIT License. See LICENSE in the repository root.
using System.Buffers.Binary;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.StartupHook.Tests.Patching;

/// <summary>The stubs themselves, executed: what they pass on, and to whom.</summary>
[TestFixture]
internal sealed unsafe class FilteredEntryTests
{
    [OneTimeSetUp]
    public void StartPlatform() => _ = Platform.Pages;

    // Bodies that give one of their arguments back.
    private static ReadOnlySpan<byte> ReturnRsi => [0x48, 0x89, 0xF0, 0xC3]; // mov rax, rsi; ret
    private static ReadOnlySpan<byte> ReturnRdx => [0x48, 0x89, 0xD0, 0xC3]; // mov rax, rdx; ret
    private static ReadOnlySpan<byte> ReturnRcx => [0x48, 0x89, 0xC8, 0xC3]; // mov rax, rcx; ret
    private static ReadOnlySpan<byte> ReturnR8 => [0x4C, 0x89, 0xC0, 0xC3];  // mov rax, r8;  ret

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void An_entry_appends_the_callers_return_address(int argumentCount)
    {
        CodePage page = CodePage.Anywhere();
        nuint body = page.Add(argumentCount switch { 1 => ReturnRdx, 2 => ReturnRcx, _ => ReturnR8 });
        nuint stub = AddEntry(page, argumentCount, body);
        nuint caller = AddCaller(page, stub, out nuint returnAddress);
        page.Seal();
        Assert.That(Call(caller), Is.EqualTo(returnAddress));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void An_entry_appends_the_callers_frame_pointer(int argumentCount)
    {
        CodePage page = CodePage.Anywhere();
        nuint body = page.Add(argumentCount switch { 1 => ReturnRsi, 2 => ReturnRdx, _ => ReturnRcx });
        nuint stub = AddEntry(page, argumentCount, body);
        // push rbp; mov rbp, 0x1234; mov r11, stub; call r11; pop rbp; ret
        Span<byte> code = [0x55, 0x48, 0xC7, 0xC5, 0x34, 0x12, 0, 0, 0x49, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xFF, 0xD3, 0x5D, 0xC3];
        BinaryPrimitives.WriteUInt64LittleEndian(code[10..], stub);
        nuint caller = page.Add(code);
        page.Seal();
        Assert.That(Call(caller), Is.EqualTo((nuint)0x1234));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_call_from_outside_the_library_goes_to_the_body(int argumentCount)
    {
        CodePage page = CodePage.Anywhere();
        CodePage library = CodePage.Anywhere();
        nuint body = page.Add(argumentCount == 1 ? ReturnRdx : ReturnRcx);
        nuint stub = AddFiltered(page, argumentCount, body, page.AddReturning(1), library.Range, default);
        nuint caller = AddCaller(page, stub, out nuint returnAddress);
        page.Seal();
        Assert.That(Call(caller), Is.EqualTo(returnAddress));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_call_from_inside_the_library_goes_to_the_C_heap(int argumentCount)
    {
        CodePage page = CodePage.Anywhere();
        CodePage library = CodePage.Anywhere();
        nuint stub = AddFiltered(page, argumentCount, page.AddReturning(2), page.AddReturning(1), library.Range, default);
        nuint caller = AddCaller(library, stub, out _);
        page.Seal();
        library.Seal();
        Assert.That(Call(caller), Is.EqualTo((nuint)1));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void A_call_from_the_forwarding_function_counts_for_its_own_caller(int argumentCount)
    {
        CodePage page = CodePage.Anywhere();
        CodePage library = CodePage.Anywhere();
        MemoryRange forwarderRange = new(library.Range.Start, library.Range.Start + 32);
        nuint body = page.Add(argumentCount == 1 ? ReturnRdx : ReturnRcx);
        nuint stub = AddFiltered(page, argumentCount, body, page.AddReturning(1), library.Range, forwarderRange);
        // push rbp; mov rbp, rsp; mov r11, stub; call r11; pop rbp; ret
        Span<byte> code = [0x55, 0x48, 0x89, 0xE5, 0x49, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xFF, 0xD3, 0x5D, 0xC3];
        BinaryPrimitives.WriteUInt64LittleEndian(code[6..], stub);
        nuint forwarder = library.Add(code);
        nuint caller = AddCaller(page, forwarder, out nuint returnAddress);
        page.Seal();
        library.Seal();
        Assert.That(forwarderRange.Contains(forwarder));
        Assert.That(Call(caller), Is.EqualTo(returnAddress));
    }

    private static nuint AddEntry(CodePage page, int argumentCount, nuint body)
    {
        Span<byte> code = stackalloc byte[MachineCode.MaximumEntryByteCount];
        return page.Add(code[..MachineCode.WriteEntry(code, argumentCount, (nint)body)]);
    }

    private static nuint AddFiltered(
        CodePage page, int argumentCount, nuint body, nuint original, MemoryRange text, MemoryRange forwarder)
    {
        Span<byte> code = stackalloc byte[MachineCode.MaximumEntryByteCount];
        return page.Add(code[..MachineCode.WriteFilteredEntry(
            code, argumentCount, (nint)body, (nint)body, (nint)original, text, forwarder)]);
    }

    // sub rsp,8; mov r11, target; call r11; add rsp,8; ret
    private static nuint AddCaller(CodePage page, nuint target, out nuint returnAddress)
    {
        Span<byte> code =
        [
            0x48, 0x83, 0xEC, 0x08, 0x49, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xFF, 0xD3, 0x48, 0x83, 0xC4, 0x08, 0xC3,
        ];
        BinaryPrimitives.WriteUInt64LittleEndian(code[6..], target);
        nuint caller = page.Add(code);
        returnAddress = caller + 17;
        return caller;
    }

    private static nuint Call(nuint function) => ((delegate* unmanaged<nuint>)function)();
}
