// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the entry of the part-by-part measurements.
// Who calls it: the verb bench --parts.
// The one idea: everything runs in this very process. BenchmarkDotNet's usual way, a project built per benchmark, would
// need the repository's build rules inside its temporary folder; and the detector can be started only once a process.
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NativeLeak;

Environment.SetEnvironmentVariable("NATIVELEAK", "on");
LeakDetector.Start(new LeakDetectorOptions { ReportAt = ReportOccasions.None, FirstScan = TimeSpan.Zero });
Job job = args.Contains("short") ? Job.ShortRun : Job.MediumRun.WithLaunchCount(1);
string[] words = [.. args.Where(word => word is not ("--job" or "short"))];
IConfig config = DefaultConfig.Instance.AddJob(job.WithToolchain(InProcessEmitToolchain.Instance));
IEnumerable<BenchmarkDotNet.Reports.Summary> summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(words, config);
return summaries.Any(summary => !summary.HasCriticalValidationErrors && summary.Reports.Any(report => report.Success)) ? 0 : 1;
