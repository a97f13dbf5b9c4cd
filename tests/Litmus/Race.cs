// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Litmus.Races;

namespace NativeLeak.Litmus;

/// <summary>
/// One race, with the real code or with the variant in which one safeguard is missing. Everything else is the same, so what
/// catches the one would have caught the other.
/// </summary>
internal abstract class Race
{
    /// <summary>Every race.</summary>
    public static IReadOnlyList<Race> All { get; } =
    [
        new AnnounceRace(),
        new ReclaimRace(),
        new RevokeRace(),
        new PinRace(),
        new DoubleFreeRace(),
        new GrowRace(),
        new ForkRace(),
        new EnumerateRace(),
        new CursorRace(),
#if DEBUG
        new LockOrderRace(),
#endif
    ];

    /// <summary>Its name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>What races with what.</summary>
    public abstract string Summary { get; }

    /// <summary>What the control lacks.</summary>
    public abstract string Control { get; }

    /// <summary>Runs some rounds, for a fraction of a second.</summary>
    /// <param name="broken">Whether the control runs.</param>
    /// <param name="seed">Differs from batch to batch.</param>
    public abstract Batch Run(bool broken, uint seed);
}
