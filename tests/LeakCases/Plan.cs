// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LeakCases.Planting;

namespace LeakCases;

/// <summary>
/// The planting of one case: hands out its blocks and counts them. It keeps no address: an address that stays behind in
/// managed memory would keep its block alive.
/// </summary>
internal sealed unsafe class Plan(LeakCase leakCase)
{
    private readonly Dictionary<string, int> _counts = [];
    private readonly Lock _lock = new();

    /// <summary>A block of the size that belongs to the name, all zero: old contents of the C heap may hold addresses.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public nint Alloc(string name)
    {
        int size = SizeOf(name);
        CHeapGround.Prepare(size);
        nint block = Marshal.AllocHGlobal(size);
        NativeMemory.Clear((void*)block, (nuint)size);
        CHeapGround.Fence(size);

        Note(name);
        return block;
    }

    /// <summary>The size that belongs to the name.</summary>
    public int SizeOf(string name)
    {
        foreach (ExpectedBlock block in leakCase.Blocks)
        {
            if (block.Name == name)
            {
                return block.Size;
            }
        }

        throw new ArgumentException($"{leakCase.Name} declares no block {name}", nameof(name));
    }

    /// <summary>Counts a block that was made by another API than <see cref="Alloc"/>.</summary>
    public void Note(string name)
    {
        lock (_lock)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, name, out _)++;
        }
    }

    /// <summary>The first difference between what was declared and what was planted, null when there is none.</summary>
    public string? Difference()
    {
        lock (_lock)
        {
            foreach (ExpectedBlock block in leakCase.Blocks)
            {
                int planted = _counts.GetValueOrDefault(block.Name);
                if (block.Count is { } declared && planted != declared)
                {
                    return $"{leakCase.Name}: {block.Name} is declared {declared} times and was planted {planted} times";
                }
            }
        }

        return null;
    }
}
