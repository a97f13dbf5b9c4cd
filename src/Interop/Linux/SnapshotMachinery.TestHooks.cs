// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: read-only views of pages that stay mapped as long as the process.
namespace NativeLeak.Interop.Linux;

/// <content>For controls: tests that must fail when a remedy is taken away.</content>
internal static unsafe partial class SnapshotMachinery
{
    /// <summary>The zone state, for tests that look at the slots; null before the first snapshot.</summary>
    internal static ZoneState* TestHookZone => s_zone;

    /// <summary>
    /// Parks by a signal of our own instead of the runtime's: trap 2. Such a process dies as soon as the signal meets the
    /// runtime's handling of a fault.
    /// </summary>
    internal static bool TestHookUsePrivateSignal(int signal)
    {
        ZoneState* zone = TryGet(out _);
        if (zone == null || !ParkingSignal.TestHookTryInstallPrivate(zone->Control, signal))
        {
            return false;
        }

        zone->Signal = signal;
        return true;
    }
}
