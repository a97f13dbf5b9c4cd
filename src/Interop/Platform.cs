// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop;

/// <summary>The one place that asks which operating system this is, and picks the implementation of each contract.</summary>
internal static class Platform
{
    private static readonly Lazy<IPageSource> s_pages = new(CreatePages);

    /// <summary>Whether the detector can run here: Linux x64 with glibc is what this build supports.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux()
        && System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
            == System.Runtime.InteropServices.Architecture.X64;

    /// <summary>Pages for the detector's own memory.</summary>
    /// <exception cref="PlatformNotSupportedException">Not Linux x64.</exception>
    public static IPageSource Pages => s_pages.Value;

    private static IPageSource CreatePages() => OperatingSystem.IsLinux()
        ? new LinuxPageSource()
        : throw new PlatformNotSupportedException("NativeLeak runs on Linux x64.");
}
