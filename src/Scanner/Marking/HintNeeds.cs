// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Marking;

/// <summary>What hints ask of a scan. What nobody asked for costs nothing.</summary>
internal static class HintNeeds
{
    /// <summary>A block is NotLeak or Ignored.</summary>
    public const int Seeds = 1;

    /// <summary>A block needs a number of references.</summary>
    public const int Counts = 2;

    /// <summary>A block is on its way from one holder to another.</summary>
    public const int Transient = 4;
}
