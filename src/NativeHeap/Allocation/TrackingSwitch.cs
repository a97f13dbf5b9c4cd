// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Whether the explicit API tracks at all in this process: decided once, by NATIVELEAK.</summary>
internal static class TrackingSwitch
{
    /// <summary>The environment variable.</summary>
    public const string VariableName = "NATIVELEAK";

    /// <summary>
    /// False when NATIVELEAK is unset, empty, off, 0 or false. A static readonly value, so that the compiler removes
    /// the tracking branch of every caller in a process that is not tracked.
    /// </summary>
    public static readonly bool IsOn = Parse(Environment.GetEnvironmentVariable(VariableName));

    /// <summary>Whether a call of the explicit API is to be recorded now.</summary>
    public static bool IsRecording
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsOn && AllocationRecorder.IsRecording;
    }

    /// <summary>Reads the variable's value.</summary>
    internal static bool Parse(string? value)
        => value?.Trim() is { Length: > 0 } text
            && !text.Equals("off", StringComparison.OrdinalIgnoreCase)
            && !text.Equals("0", StringComparison.Ordinal)
            && !text.Equals("false", StringComparison.OrdinalIgnoreCase);
}
