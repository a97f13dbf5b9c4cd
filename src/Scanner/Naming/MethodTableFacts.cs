// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Naming;

/// <summary>What a MethodTable says of the objects it describes.</summary>
/// <param name="BaseByteCount">Bytes of an object without its elements, the header word before it included.</param>
/// <param name="ComponentByteCount">Bytes of an element; 0: no array and no string.</param>
internal readonly record struct MethodTableFacts(uint BaseByteCount, uint ComponentByteCount)
{
    /// <summary>Offset of the first element from the object's start.</summary>
    public ulong ElementsOffset => BaseByteCount - 8UL;
}
