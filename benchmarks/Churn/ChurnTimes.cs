// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Churn;

/// <summary>ns per pair, the mean over the threads.</summary>
/// <param name="Cpu">CPU time, the median of the run's segments.</param>
/// <param name="LeastCpu">CPU time of the least disturbed segment.</param>
/// <param name="Wall">Wall clock, the median of the segments.</param>
internal sealed record ChurnTimes(double Cpu, double LeastCpu, double Wall);
