// Licensed under the MIT License. See LICENSE in the repository root.
// elf.h (glibc 2.36), the 64-bit little-endian forms; the sizes are checked by the tests.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>Constants of the ELF format that the patchers need.</summary>
internal static class ElfFormat
{
    public const uint PT_LOAD = 1, PT_DYNAMIC = 2, PT_GNU_RELRO = 0x6474e552;
    public const uint PF_X = 1, PF_W = 2, PF_R = 4;
    public const long DT_NULL = 0, DT_PLTRELSZ = 2, DT_HASH = 4, DT_STRTAB = 5, DT_SYMTAB = 6, DT_RELA = 7,
        DT_RELASZ = 8, DT_STRSZ = 10, DT_JMPREL = 23, DT_GNU_HASH = 0x6ffffef5;
    public const uint R_X86_64_GLOB_DAT = 6, R_X86_64_JUMP_SLOT = 7;
    public const byte STT_FUNC = 2;
    public const ushort SHN_UNDEF = 0;
}

/// <summary>Elf64_Phdr: one program header, 56 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Elf64ProgramHeader
{
    public uint Type, Flags;
    public ulong Offset, VirtualAddress, PhysicalAddress, FileByteCount, MemoryByteCount, Alignment;
}

/// <summary>Elf64_Dyn: one entry of the dynamic section, 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Elf64Dynamic
{
    public long Tag;
    public ulong Value;
}

/// <summary>Elf64_Sym: one symbol, 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Elf64Symbol
{
    public uint Name;
    public byte Info, Other;
    public ushort SectionIndex;
    public ulong Value, ByteCount;
}

/// <summary>Elf64_Rela: one relocation with addend, 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Elf64Relocation
{
    public ulong Offset, Info;
    public long Addend;

    /// <summary>Kind of relocation.</summary>
    public readonly uint Type => (uint)Info;

    /// <summary>Index into the symbol table.</summary>
    public readonly uint Symbol => (uint)(Info >> 32);
}
