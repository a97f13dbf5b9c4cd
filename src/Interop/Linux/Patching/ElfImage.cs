// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one loaded ELF module (libSystem.Native, the executable), read where the loader mapped it.
// Who calls it: the patchers, once, when the runtime hook is installed.
// The one idea: nothing in the module is believed. Every address computed from one of its tables must lie inside a
// readable PT_LOAD segment before it is read; a table that says otherwise yields "not found", never a fault.
using System.Runtime.CompilerServices;
using System.Text;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>A PT_LOAD segment as mapped.</summary>
/// <param name="Range">Addresses it covers, including zero-filled memory.</param>
/// <param name="Flags">PF_R, PF_W, PF_X.</param>
// A class, like ElfSlot: lists of our own structures would be compiled when a program starts, lists of references are not.
internal sealed record ElfSegment(MemoryRange Range, uint Flags);

/// <summary>A slot of the global offset table.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Symbol">Name of the symbol it is bound to.</param>
internal sealed record ElfSlot(nuint Address, string Symbol);

/// <summary>A function a module exports.</summary>
/// <param name="Address">Where it starts.</param>
/// <param name="ByteCount">Its length according to the symbol table.</param>
internal readonly record struct ElfExport(nuint Address, nuint ByteCount);

/// <summary>A module's segments, exports and relocation slots. Immutable; the module must stay loaded.</summary>
internal sealed unsafe class ElfImage
{
    private const int MaximumProgramHeaders = 256;
    private const int MaximumDynamicEntries = 4096;
    private const uint MaximumSymbols = 1 << 20;
    private const nuint PageMask = 4095;

    private readonly List<ElfSegment> _segments = [];
    private MemoryRange _relro;
    private nuint _dynamic;
    private nuint _symbolTable, _stringTable, _pltRelocations, _relocations, _hash, _gnuHash;
    private ulong _stringTableByteCount, _pltRelocationByteCount, _relocationByteCount;
    private uint _symbolCount;

    private ElfImage(string name, nuint loadBias)
    {
        Name = name;
        LoadBias = loadBias;
    }

    /// <summary>Path as the loader knows it; empty for the executable itself.</summary>
    public string Name { get; }

    /// <summary>What is added to the file's virtual addresses.</summary>
    public nuint LoadBias { get; }

    /// <summary>The mapped segments in the order of the program headers.</summary>
    public IReadOnlyList<ElfSegment> Segments => _segments;

    /// <summary>Reads a module from its program headers.</summary>
    /// <returns>Null when the headers describe nothing that could be a module.</returns>
    /// <remarks>Safety: <paramref name="programHeaders"/> must point to <paramref name="count"/> readable headers (the
    /// loader vouches for them), and the module must stay loaded while the image is in use.</remarks>
    public static ElfImage? TryParse(string name, nuint loadBias, Elf64ProgramHeader* programHeaders, int count)
    {
        if (programHeaders == null || count is <= 0 or > MaximumProgramHeaders)
        {
            return null;
        }

        ElfImage image = new(name, loadBias);
        for (int i = 0; i < count; i++)
        {
            image.AddHeader(programHeaders[i]);
        }

        if (image._segments.Count == 0)
        {
            return null;
        }

        image.ReadDynamicSection();
        return image;
    }

    /// <summary>Finds an exported function by name; versions are not looked at.</summary>
    public bool TryFindExport(string name, out ElfExport export)
    {
        Span<byte> wanted = stackalloc byte[Encoding.UTF8.GetMaxByteCount(name.Length)];
        wanted = wanted[..Encoding.UTF8.GetBytes(name, wanted)];
        uint count = _symbolCount != 0 ? _symbolCount : _symbolCount = SymbolCount();
        for (uint i = 1; i < count && TryReadSymbol(i, out Elf64Symbol symbol); i++)
        {
            if (symbol.SectionIndex == ElfFormat.SHN_UNDEF || (symbol.Info & 15) != ElfFormat.STT_FUNC
                || !NameEquals(symbol.Name, wanted))
            {
                continue;
            }

            nuint address = LoadBias + (nuint)symbol.Value;
            if (IsExecutable(address, 1))
            {
                export = new ElfExport(address, (nuint)symbol.ByteCount);
                return true;
            }
        }

        export = default;
        return false;
    }

    /// <summary>The global-offset-table slots (JUMP_SLOT, GLOB_DAT) bound to the symbol, inside writable segments only.</summary>
    public List<ElfSlot> FindSlots(string name)
    {
        Span<byte> wanted = stackalloc byte[Encoding.UTF8.GetMaxByteCount(name.Length)];
        wanted = wanted[..Encoding.UTF8.GetBytes(name, wanted)];
        List<ElfSlot> slots = [];
        CollectSlots(_pltRelocations, _pltRelocationByteCount, name, wanted, slots);
        CollectSlots(_relocations, _relocationByteCount, name, wanted, slots);
        return slots;
    }

    /// <summary>Whether the bytes lie in one readable segment.</summary>
    public bool IsReadable(nuint address, nuint byteCount) => HasFlags(address, byteCount, ElfFormat.PF_R);

    /// <summary>Whether the bytes lie in one executable (and readable) segment.</summary>
    public bool IsExecutable(nuint address, nuint byteCount)
        => HasFlags(address, byteCount, ElfFormat.PF_R | ElfFormat.PF_X);

    /// <summary>The protection (PROT_ bits) that the loader left on the page of <paramref name="address"/>: the
    /// segment's own, or read-only once relocation is over (RELRO, rounded down at both ends as glibc does). 0 = none.</summary>
    public int LoaderProtection(nuint address)
    {
        foreach (ElfSegment segment in _segments)
        {
            if (segment.Range.Contains(address))
            {
                int protection = ((segment.Flags & ElfFormat.PF_R) != 0 ? 1 : 0)
                    | ((segment.Flags & ElfFormat.PF_W) != 0 ? 2 : 0) | ((segment.Flags & ElfFormat.PF_X) != 0 ? 4 : 0);
                MemoryRange sealedPages = new(_relro.Start & ~PageMask, _relro.End & ~PageMask);
                return sealedPages.Contains(address) ? protection & ~2 : protection;
            }
        }

        return 0;
    }

    /// <summary>Copies a value out of the module; false when it is not entirely inside a readable segment.</summary>
    public bool TryRead<T>(nuint address, out T value)
        where T : unmanaged
    {
        if (!IsReadable(address, (nuint)sizeof(T)))
        {
            value = default;
            return false;
        }

        // Safety: the range check above; the loader keeps readable segments mapped while the module is loaded.
        value = Unsafe.ReadUnaligned<T>((void*)address);
        return true;
    }

    // Not generic: an instance over a type that is not ours would be compiled before Main.
    private bool TryRead(nuint address, out uint value)
    {
        bool isReadable = IsReadable(address, sizeof(uint));
        // Safety: as above.
        value = isReadable ? *(uint*)address : 0;
        return isReadable;
    }

    private void AddHeader(in Elf64ProgramHeader header)
    {
        nuint start = LoadBias + (nuint)header.VirtualAddress;
        nuint end = start + (nuint)header.MemoryByteCount;
        if (end < start)
        {
            return; // wraps around: malformed
        }

        switch (header.Type)
        {
            case ElfFormat.PT_LOAD:
                _segments.Add(new ElfSegment(new MemoryRange(start, end), header.Flags));
                break;
            case ElfFormat.PT_DYNAMIC:
                _dynamic = start;
                break;
            case ElfFormat.PT_GNU_RELRO:
                _relro = new MemoryRange(start, end);
                break;
        }
    }

    private void ReadDynamicSection()
    {
        nuint at = _dynamic;
        for (int i = 0; i < MaximumDynamicEntries && _dynamic != 0 && TryRead(at, out Elf64Dynamic entry); i++)
        {
            switch (entry.Tag)
            {
                case ElfFormat.DT_NULL: return;
                case ElfFormat.DT_STRTAB: _stringTable = Relocated(entry.Value); break;
                case ElfFormat.DT_STRSZ: _stringTableByteCount = entry.Value; break;
                case ElfFormat.DT_SYMTAB: _symbolTable = Relocated(entry.Value); break;
                case ElfFormat.DT_JMPREL: _pltRelocations = Relocated(entry.Value); break;
                case ElfFormat.DT_PLTRELSZ: _pltRelocationByteCount = entry.Value; break;
                case ElfFormat.DT_RELA: _relocations = Relocated(entry.Value); break;
                case ElfFormat.DT_RELASZ: _relocationByteCount = entry.Value; break;
                case ElfFormat.DT_HASH: _hash = Relocated(entry.Value); break;
                case ElfFormat.DT_GNU_HASH: _gnuHash = Relocated(entry.Value); break;
            }

            at += (nuint)sizeof(Elf64Dynamic);
        }
    }

    // glibc adds the load bias to these entries in place; musl and the vdso leave the file's address.
    private nuint Relocated(ulong value) => (nuint)value < LoadBias ? LoadBias + (nuint)value : (nuint)value;

    private uint SymbolCount()
    {
        if (_hash != 0)
        {
            return TryRead(_hash + 4, out uint chainCount) ? Math.Min(chainCount, MaximumSymbols) : 0;
        }

        return _gnuHash == 0 ? 0 : GnuHashSymbolCount();
    }

    // The GNU table stores no count: the largest index is the end of the chain that starts highest.
    private uint GnuHashSymbolCount()
    {
        if (!TryRead(_gnuHash, out uint bucketCount) || !TryRead(_gnuHash + 4, out uint firstHashed)
            || !TryRead(_gnuHash + 8, out uint bloomWords) || bucketCount > MaximumSymbols || bloomWords > MaximumSymbols)
        {
            return 0;
        }

        nuint buckets = _gnuHash + 16 + ((nuint)bloomWords * 8);
        uint last = 0;
        for (uint i = 0; i < bucketCount && TryRead(buckets + ((nuint)i * 4), out uint bucket); i++)
        {
            last = Math.Max(last, bucket);
        }

        if (last < firstHashed)
        {
            return Math.Min(firstHashed, MaximumSymbols);
        }

        nuint chains = buckets + ((nuint)bucketCount * 4);
        while (last < MaximumSymbols && TryRead(chains + ((nuint)(last - firstHashed) * 4), out uint link) && (link & 1) == 0)
        {
            last++;
        }

        return Math.Min(last + 1, MaximumSymbols);
    }

    private bool TryReadSymbol(uint index, out Elf64Symbol symbol)
    {
        symbol = default;
        return _symbolTable != 0 && TryRead(_symbolTable + ((nuint)index * (nuint)sizeof(Elf64Symbol)), out symbol);
    }

    private bool NameEquals(uint nameOffset, ReadOnlySpan<byte> wanted)
    {
        nuint address = _stringTable + nameOffset;
        if (_stringTable == 0 || (ulong)nameOffset + (uint)wanted.Length >= _stringTableByteCount
            || !IsReadable(address, (nuint)wanted.Length + 1))
        {
            return false;
        }

        // Safety: the name and the byte after it lie in the string table and in a readable segment (checked above).
        ReadOnlySpan<byte> found = new((void*)address, wanted.Length + 1);
        return found[^1] == 0 && found[..^1].SequenceEqual(wanted);
    }

    private void CollectSlots(
        nuint table, ulong byteCount, string name, ReadOnlySpan<byte> wanted, List<ElfSlot> slots)
    {
        if (table == 0)
        {
            return;
        }

        uint entrySize = (uint)sizeof(Elf64Relocation);
        for (ulong at = 0; at + entrySize <= byteCount && TryRead(table + (nuint)at, out Elf64Relocation entry); at += entrySize)
        {
            nuint slot = LoadBias + (nuint)entry.Offset;
            if (entry.Type is ElfFormat.R_X86_64_JUMP_SLOT or ElfFormat.R_X86_64_GLOB_DAT && entry.Symbol != 0
                && TryReadSymbol(entry.Symbol, out Elf64Symbol symbol) && NameEquals(symbol.Name, wanted)
                && slot % 8 == 0 && HasFlags(slot, 8, ElfFormat.PF_R | ElfFormat.PF_W) && !slots.Exists(known => known.Address == slot))
            {
                slots.Add(new ElfSlot(slot, name));
            }
        }
    }

    private bool HasFlags(nuint address, nuint byteCount, uint flags)
    {
        foreach (ElfSegment segment in _segments)
        {
            if ((segment.Flags & flags) == flags && segment.Range.Contains(address)
                && byteCount <= segment.Range.End - address)
            {
                return true;
            }
        }

        return false;
    }
}
