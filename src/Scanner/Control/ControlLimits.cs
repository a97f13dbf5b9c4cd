// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Control;

/// <summary>What a control channel puts up with. Tests have tighter ones.</summary>
internal sealed record ControlLimits
{
    /// <summary>Most connections at a time: the tool needs one.</summary>
    public int MaximumConnections { get; init; } = 8;

    /// <summary>How long a command may take from its first byte to its last.</summary>
    public TimeSpan RequestTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a result waits for a reader that takes nothing of it.</summary>
    public TimeSpan StallTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a reader may take for one result.</summary>
    public TimeSpan ResultTime { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long a connection may be silent between commands.</summary>
    public TimeSpan IdleTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a long scan says that it still runs.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromMilliseconds(500);
}
