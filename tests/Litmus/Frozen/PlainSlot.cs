// Licensed under the MIT License. See LICENSE in the repository root.
// Frozen: a slot of the address index that is looked at and then cleared, instead of exchanged.
namespace NativeLeak.Litmus.Frozen;

/// <summary>The control of the double-free race.</summary>
internal sealed class PlainSlot
{
    private uint _slot;

    public void Insert() => Volatile.Write(ref _slot, 1);

    public bool TryRemove()
    {
        if (Volatile.Read(ref _slot) == 0)
        {
            return false;
        }

        Volatile.Write(ref _slot, 0);
        return true;
    }
}
