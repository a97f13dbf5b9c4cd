// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: hello world. Who calls it: the workload start of benchmarks/Churn.
// The one idea: its CPU time is taken first; then it says whether the detector is loaded, so that no run is mistaken.
double cpu = Environment.CpuUsage.TotalTime.TotalMilliseconds;
bool isWatched = AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "NativeLeak.Scanner");
Console.WriteLine(FormattableString.Invariant($"hello {cpu:F2} {(isWatched ? 1 : 0)}"));
