// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Tests.Interception;

/// <summary>What is not as usual about a pair of malloc and free, and how it is brought about.</summary>
internal sealed record Unusual(string Name)
{
    public nuint ByteCount { get; init; } = 48;

    public Action Before { get; init; } = static () => { };

    public Action After { get; init; } = static () => { };

    public Action<nint> BeforeFree { get; init; } = static _ => { };

    public Action AfterFree { get; init; } = static () => { };

    /// <summary>Whether the malloc cannot be machine code's alone.</summary>
    public bool IsMalloc { get; init; }

    /// <summary>Whether the free cannot be machine code's alone.</summary>
    public bool IsFree { get; init; } = true;

    /// <summary>Whether the block gets a record.</summary>
    public bool IsRecorded { get; init; } = true;

    public override string ToString() => Name;
}

/// <summary>How many bodies a pair needed.</summary>
internal readonly record struct PairCalls(int OfMalloc, int OfFree, bool IsRecorded);
