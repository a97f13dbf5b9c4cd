// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

[TestFixture]
internal sealed class LeakDetectorOptionsTests
{
    [Test]
    public void NumbersOutOfRangeAreRefusedInCode()
    {
        LeakDetectorOptions options = new(new OptionSet());
        Assert.Multiple(() =>
        {
            Assert.That(() => options.ExitCode = 256, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.StackDepth = 0, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.MaximumLeaks = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.Verbosity = 3, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.MinimumAge = new TimeSpan(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.SampleIntervalBytes = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.MaximumTrackerMemoryBytes = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => options.LogPath = " ", Throws.ArgumentException);
            Assert.That(options.ExitCode, Is.EqualTo(23));
        });
    }

    [Test]
    public void EveryPropertyReadsBackWhatWasSet()
    {
        LeakDetectorOptions options = new(new OptionSet())
        {
            LogPath = "x.log",
            Format = ReportFormat.Json,
            ExitCode = 7,
            FailOn = FailOn.Reachable,
            ReportAt = ReportOccasions.Signal,
            MinimumAge = TimeSpan.FromSeconds(1),
            MaximumLeaks = 3,
            StackDepth = 64,
            FirstScan = TimeSpan.Zero,
            ScanInterval = TimeSpan.FromDays(1),
            HooksRuntime = false,
            ManagedHeap = ManagedHeapMode.None,
            InteriorPointersKeepBlocks = true,
            Verbosity = 2,
            Level = DetectorLevel.Sample,
            SampleIntervalBytes = 4096,
            MaximumTrackerMemoryBytes = 1 << 24,
        };
        object[] values =
        [
            options.LogPath, options.Format, options.ExitCode, options.FailOn, options.ReportAt, options.MinimumAge,
            options.MaximumLeaks, options.StackDepth, options.FirstScan, options.ScanInterval, options.HooksRuntime, options.ManagedHeap,
            options.InteriorPointersKeepBlocks, options.Verbosity, options.Level, options.SampleIntervalBytes,
            options.MaximumTrackerMemoryBytes,
        ];
        object[] expected =
        [
            "x.log", ReportFormat.Json, 7, FailOn.Reachable, ReportOccasions.Signal, TimeSpan.FromSeconds(1), 3, 64,
            TimeSpan.Zero, TimeSpan.FromDays(1), false, ManagedHeapMode.None, true, 2, DetectorLevel.Sample, 4096L, 1L << 24,
        ];
        Assert.That(values, Is.EqualTo(expected));
    }
}
