// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: the directory of the address index, whose missing leaf is created by a look and a store instead of a
// compare-exchange: of two creators the second one's leaf hides the first one's, with the block that was entered there.
namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the grow race: two slots a leaf.</summary>
internal sealed class PlainDirectory(int leafCount)
{
    private readonly uint[]?[] _leaves = new uint[]?[leafCount];

    public void Insert(int leaf, int slot, uint value)
    {
        uint[]? found = Volatile.Read(ref _leaves[leaf]);
        if (found is null)
        {
            found = new uint[2];
            Volatile.Write(ref _leaves[leaf], found);
        }

        Volatile.Write(ref found[slot], value);
    }

    public uint Find(int leaf, int slot)
        => Volatile.Read(ref _leaves[leaf]) is { } found ? Volatile.Read(ref found[slot]) : 0;
}
