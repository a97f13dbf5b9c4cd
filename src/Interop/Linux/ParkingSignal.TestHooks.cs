// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the action is a local the kernel reads; the control structure lives as long as the process (the caller's
// duty).
namespace NativeLeak.Interop.Linux;

/// <content>For controls: tests that must fail when a remedy is taken away.</content>
internal static unsafe partial class ParkingSignal
{
    /// <summary>Installs the parking handler for a signal that the runtime knows nothing of.</summary>
    internal static bool TestHookTryInstallPrivate(ParkingControl* control, int signal)
    {
        KernelSignalAction model;
        if (!TryRead(RuntimeSignal, &model))
        {
            return false;
        }

        model.Handler = 0; // no handler before us; flags and restorer as the runtime's
        return TryInstall(control, signal, model, out _);
    }
}
