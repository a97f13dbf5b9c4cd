// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: takes a place in front of the runtime's own SIGRTMIN handler.
// Who calls it: SnapshotMachinery once, and the engine before each snapshot to see that nobody has replaced it.
// The one idea: a signal of our own would arrive while the runtime handles a NullReferenceException on a 12 KiB alternate
// stack and kill the process. SIGRTMIN is the one signal the runtime masks in exactly that window, so we share it.
// Safety: the kernel reads and writes sigaction structures that are locals here; the control structure lives as long
// as the process.
using System.Globalization;

namespace NativeLeak.Interop.Linux;

/// <summary>The parking signal. Cold; ordinary managed code.</summary>
internal static unsafe partial class ParkingSignal
{
    /// <summary>SIGRTMIN of glibc: the runtime's activation signal.</summary>
    public const int RuntimeSignal = 34;

    private const ulong ExpectedFlags =
        KernelSignalAction.SA_SIGINFO | KernelSignalAction.SA_RESTART | KernelSignalAction.SA_RESTORER;

    private const string RuntimeLibrary = "/libcoreclr.so";

    private static nint s_handler;

    /// <summary>Puts the parking handler before the runtime's. Once per process; it stays for good.</summary>
    /// <param name="control">The control structure the handler will consult.</param>
    /// <param name="refusal">Why threads cannot be parked in this process; null on success.</param>
    public static bool TryInstall(ParkingControl* control, out string? refusal)
    {
        KernelSignalAction action;
        if (!TryRead(RuntimeSignal, &action))
        {
            refusal = "the action of signal 34 cannot be read";
            return false;
        }

        if (action.Handler is 0 or 1 || (action.Flags & ~KernelSignalAction.SA_RESTORER) != (ExpectedFlags
            & ~KernelSignalAction.SA_RESTORER))
        {
            refusal = string.Create(CultureInfo.InvariantCulture,
                $"signal 34 is not set up as this runtime does it (flags 0x{action.Flags:x})");
            return false;
        }

        if (!LiesInRuntime((nuint)action.Handler))
        {
            refusal = "signal 34 is handled by something else than the runtime";
            return false;
        }

        return TryInstall(control, RuntimeSignal, action, out refusal);
    }

    /// <summary>Whether the parking handler is still the one the kernel calls. One system call.</summary>
    public static bool IsInstalled(int signal)
    {
        KernelSignalAction action;
        return s_handler != 0 && TryRead(signal, &action) && action.Handler == s_handler;
    }

    private static bool TryInstall(ParkingControl* control, int signal, KernelSignalAction previous, out string? refusal)
    {
        // Flags, restorer and mask stay the runtime's: only the first instruction changes.
        KernelSignalAction action = previous;
        action.Handler = MachineCode.EmitParkingHandler((nint)control, previous.Handler > 1 ? previous.Handler : 0);
        nint result = RawSyscall.Invoke(SyscallNumber.RtSigaction, signal, (nint)(&action), 0, sizeof(ulong));
        if (result < 0)
        {
            refusal = string.Create(CultureInfo.InvariantCulture, $"rt_sigaction was refused (errno {-result})");
            return false;
        }

        s_handler = action.Handler;
        refusal = null;
        return true;
    }

    private static bool TryRead(int signal, KernelSignalAction* action)
        => RawSyscall.Invoke(SyscallNumber.RtSigaction, signal, 0, (nint)action, sizeof(ulong)) == 0;

    // The mapping that holds the handler belongs to libcoreclr, or to the executable itself where the runtime is linked
    // into it (single-file applications).
    private static bool LiesInRuntime(nuint handler)
    {
        string? owner = null;
        bool runtimeIsLibrary = false;
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            int path = line.IndexOf('/', StringComparison.Ordinal);
            if (path < 0)
            {
                continue;
            }

            string name = line[path..].Replace(" (deleted)", string.Empty, StringComparison.Ordinal);
            runtimeIsLibrary |= name.EndsWith(RuntimeLibrary, StringComparison.Ordinal);
            int dash = line.IndexOf('-', StringComparison.Ordinal), space = line.IndexOf(' ', StringComparison.Ordinal);
            if (nuint.TryParse(line.AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nuint start)
                && nuint.TryParse(line.AsSpan(dash + 1, space - dash - 1), NumberStyles.HexNumber,
                    CultureInfo.InvariantCulture, out nuint end)
                && new MemoryRange(start, end).Contains(handler))
            {
                owner = name;
            }
        }

        return owner != null && (owner.EndsWith(RuntimeLibrary, StringComparison.Ordinal)
            || (!runtimeIsLibrary && owner == Environment.ProcessPath));
    }
}
