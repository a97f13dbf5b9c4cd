// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.Versioning;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop;

/// <summary>The one place that asks which operating system this is, and picks the implementation of each contract.</summary>
internal static class Platform
{
    private static readonly Lazy<IPageSource> s_pages = new(CreatePages);
    private static readonly Lazy<IProcessMemory> s_memory = new(CreateMemory);
    private static readonly Lazy<ISnapshotEngine> s_snapshots = new(CreateSnapshots);

    /// <summary>Whether the detector can run here: Linux x64 with glibc is what this build supports.</summary>
    [SupportedOSPlatformGuard("linux")]
    public static bool IsSupported => OperatingSystem.IsLinux()
        && System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
            == System.Runtime.InteropServices.Architecture.X64;

    /// <summary>Pages for the detector's own memory.</summary>
    /// <exception cref="PlatformNotSupportedException">Not Linux x64.</exception>
    public static IPageSource Pages => s_pages.Value;

    /// <summary>Fault-safe reads of this process's own memory.</summary>
    /// <exception cref="PlatformNotSupportedException">Not Linux x64.</exception>
    public static IProcessMemory Memory => s_memory.Value;

    /// <summary>Snapshots of this process. Whether they can be taken is known after the first one.</summary>
    /// <exception cref="PlatformNotSupportedException">Not Linux x64.</exception>
    public static ISnapshotEngine Snapshots => s_snapshots.Value;

    /// <summary>Holds threads of this process for a moment. The same machinery as <see cref="Snapshots"/>.</summary>
    /// <exception cref="PlatformNotSupportedException">Not Linux x64.</exception>
    public static IThreadHolder Threads => (IThreadHolder)s_snapshots.Value;

    private static IProcessMemory CreateMemory() => OperatingSystem.IsLinux()
        ? new LinuxProcessMemory()
        : throw new PlatformNotSupportedException("NativeLeak runs on Linux x64.");

    private static ISnapshotEngine CreateSnapshots() => OperatingSystem.IsLinux()
        ? new SnapshotEngine()
        : throw new PlatformNotSupportedException("NativeLeak runs on Linux x64.");

    private static IPageSource CreatePages() => OperatingSystem.IsLinux()
        ? new LinuxPageSource()
        : throw new PlatformNotSupportedException("NativeLeak runs on Linux x64.");
}
