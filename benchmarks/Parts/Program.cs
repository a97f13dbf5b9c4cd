// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the entry of the part-by-part measurements.
// Who calls it: the verb bench --parts; Benchmarks.Tests, with self-check.
// The one idea: everything runs in this very process. BenchmarkDotNet's usual way, a project built per benchmark, would
// need the repository's build rules inside its temporary folder; and the detector can be started only once a process.
// Nothing is emitted for it: methods made at run time would stand in the recorded stacks and make each one fleeting.
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using NativeLeak;
using NativeLeak.Benchmarks.Churn;
using NativeLeak.Benchmarks.Parts;

Detector.Start("on");
if (args is ["self-check"])
{
    return SelfCheck.Run();
}

// "broken" is the control: every proof fails, and so must the run.
Proof.IsBroken = args.Contains("broken");
Job job = args.Contains("dry") ? Job.Dry : args.Contains("short") ? Job.ShortRun : Job.MediumRun.WithLaunchCount(1);
string[] words = [.. args.Where(word => word is not ("--job" or "short" or "dry" or "broken"))];
IConfig config = DefaultConfig.Instance.AddColumn(StatisticColumn.Min, StatisticColumn.Median)
    .AddJob(job.WithToolchain(InProcessNoEmitToolchain.Instance));
try
{
    Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Proof).Assembly).Run(words, config)];
    return summaries.Length > 0 && summaries.All(static summary => !summary.HasCriticalValidationErrors
        && summary.Reports.Length > 0 && summary.Reports.All(static report => report.Success)) ? 0 : 1;
}
catch (NullReferenceException)
{
    // BenchmarkDotNet printed why a benchmark failed, and falls over its missing result: there is no table then.
    return 1;
}
