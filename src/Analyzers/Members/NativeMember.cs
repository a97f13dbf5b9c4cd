// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Analyzers.Members;

/// <summary>One member of Marshal or NativeMemory that allocates or frees.</summary>
/// <param name="Type">Simple name of its class.</param>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Its parameters as source writes them.</param>
/// <param name="Family">Its family.</param>
/// <param name="Allocates">Whether it returns a block.</param>
/// <param name="Frees">Whether it frees the block of its first parameter.</param>
internal sealed record NativeMember(
    string Type, string Name, string Parameters, HeapFamily Family, bool Allocates, bool Frees)
{
    /// <summary>What tells it from every other member, overloads included.</summary>
    public string Key => Type + "." + Name + "(" + Parameters + ")";

    /// <summary>As people write it.</summary>
    public string DisplayName => Type + "." + Name;

    /// <summary>Whether its signature has pointers.</summary>
    public bool IsUnsafe => Type == MemberTable.NativeMemory;
}
