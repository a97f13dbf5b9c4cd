// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Marking;

/// <summary>When a scan of the living process may believe that nothing points to a block. Tests weaken it.</summary>
internal sealed record ConcurrentRules
{
    /// <summary>The rules of the product.</summary>
    public static ConcurrentRules Default { get; } = new();

    /// <summary>Threads held at a time while their stacks are copied.</summary>
    public int GroupSize { get; init; } = 8;

    /// <summary>Passes over the living memory that must agree before all threads are held for the last look.</summary>
    public int PassesBeforeLook { get; init; } = 2;

    /// <summary>Whether there is a last look, with all threads held.</summary>
    public bool LooksAtRest { get; init; } = true;

    /// <summary>Last looks that are tried before passes have to do.</summary>
    public int MaximumLooks { get; init; } = 3;

    /// <summary>As <see cref="PassesBeforeLook"/>, when the process ends anyway: nobody minds being held.</summary>
    public int PassesBeforeLastLook { get; init; } = 1;

    /// <summary>Longest time the process is held for the last look.</summary>
    public TimeSpan LookLimit { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>As <see cref="LookLimit"/>, when the process ends anyway.</summary>
    public TimeSpan LastLookLimit { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Without a last look: passes in a row, without a collection in any of them, that must clear nobody.</summary>
    public int QuietPasses { get; init; } = 8;

    /// <summary>Passes after which an answer that is not sure is inconclusive.</summary>
    public int MaximumPasses { get; init; } = 20;
}
