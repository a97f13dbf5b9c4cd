// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Litmus;

/// <summary>How the program ends. An inconclusive run is not a pass.</summary>
internal static class ExitCode
{
    public const int Pass = 0;
    public const int Violation = 1;
    public const int Usage = 2;
    public const int Inconclusive = 3;
}
