// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Options;

/// <summary>Where a value came from, in rising precedence.</summary>
internal enum OptionOrigin
{
    /// <summary>The table's default.</summary>
    Default,

    /// <summary>The default of the level (<see cref="LevelDefaults"/>).</summary>
    Level,

    /// <summary>A runtimeconfig property <c>NativeLeak.*</c>.</summary>
    RuntimeConfig,

    /// <summary>The variable NATIVELEAK_OPTIONS.</summary>
    OptionsVariable,

    /// <summary>A variable of its own, NATIVELEAK_KEY.</summary>
    KeyVariable,

    /// <summary>The program's code.</summary>
    Code,
}
