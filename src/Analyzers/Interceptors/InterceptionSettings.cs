// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis.Diagnostics;

namespace NativeLeak.Analyzers.Interceptors;

/// <summary>What the project says, by the properties that the package's build files make visible.</summary>
/// <param name="Intercepts">Whether calls are intercepted.</param>
/// <param name="StartsInModule">Whether the program has to start the detector by itself: its runtime runs no startup hook.</param>
internal sealed record InterceptionSettings(bool Intercepts, bool StartsInModule)
{
    /// <summary>Reads them.</summary>
    public static InterceptionSettings From(AnalyzerConfigOptions options) => new(
        !(options.TryGetValue("build_property.NativeLeakIntercept", out string? intercept)
            && intercept.Equals("false", StringComparison.OrdinalIgnoreCase)),
        options.TryGetValue("build_property.NativeLeakStartInModule", out string? start)
            && start.Equals("true", StringComparison.OrdinalIgnoreCase));
}
