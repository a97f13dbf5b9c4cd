// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Interception;
using NativeLeak.NativeHeap.Records;

namespace ProbeHook;

/// <summary>Installs the hook in the tier that <c>PROBE_TIER</c> names; writes what was seen to <c>PROBE_OUT</c> at exit.</summary>
internal static class Probe
{
    public static void Install()
    {
        string? output = Environment.GetEnvironmentVariable("PROBE_OUT");
        if (output is null)
        {
            return;
        }

        // What this process starts must not write over its file.
        Environment.SetEnvironmentVariable("PROBE_OUT", null);
        InterceptionTier asked = Enum.Parse<InterceptionTier>(Environment.GetEnvironmentVariable("PROBE_TIER") ?? "Exports");
        AllocationRecorder.Start(16);
        InterceptionTier tier = RuntimeHook.Install(asked, out string detail);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            RecordCounters counters = RecordTable.Counters;
            File.WriteAllText(output, $"""
                tier={tier}
                detail={detail}
                allocated={counters.Allocated}
                live={counters.LiveBlocks}
                failures={HookBodies.Failures}

                """);
        };
    }
}
