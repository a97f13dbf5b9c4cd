// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Churn;

/// <summary>What one run of a program took.</summary>
/// <param name="MainMilliseconds">Wall clock from its start to the first line of Main.</param>
/// <param name="ExitMilliseconds">Wall clock from its start to its end.</param>
/// <param name="MainCpuMilliseconds">CPU time of all its threads up to Main.</param>
/// <param name="CpuMilliseconds">CPU time of all its threads up to its end.</param>
internal sealed record StartTimes(
    double MainMilliseconds,
    double ExitMilliseconds,
    double MainCpuMilliseconds,
    double CpuMilliseconds);
