// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: faults that a scan meets in a real program, one program each (tests/LeakCases/Hosts/FaultProgram.cs).
// The one idea: each test looks at the program from outside, as HostSafetyTests do, and at what the report says: complete
// and right, or inconclusive with the reason; never "no leaks" without having seen them.
using System.Runtime.Versioning;
using System.Text.Json;
using LeakCases.Hosts;

namespace NativeLeak.Scanner.Tests.Cases;

/// <summary>Faults around a scan: the host is unharmed and the report honest.</summary>
[TestFixture]
[SupportedOSPlatform("linux")]
internal sealed class ScanFaultTests
{
    private const string Program = "NativeLeak.LeakCases";
    private const int LostByteCount = 1777;

    private const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    // Where a copy is asked for, a refused one means that there is no scan. By default the running process is scanned then
    // (HostSafetyTests).
    [TestCase("clone-refused", "(clone: error 1)")]
    [TestCase("clone-over-the-limit", "(clone: error 11)")]
    [TestCase("child-killed", "the scanning process died in each of 3 attempts (stage 0); wait status 0x1f")]
    public void WithoutACopyThereIsNoScanAndTheReportSaysWhy(string host, string reason)
    {
        JsonElement report = Run(host, "scan=snapshot");
        Assert.Multiple(() =>
        {
            Assert.That(IsConclusive(report), Is.False);
            Assert.That(Warnings(report), Does.Contain("no scan: ").And.Contain(reason));
            Assert.That(Sizes(report), Is.Empty);
        });
    }

    [TestCase("signal-blocked", "1 of ", "threads could not be stopped")]
    [TestCase("unreadable-page", "4096 byte(s) of memory could not be read", "")]
    [TestCase("unreadable-block", "4096 byte(s) of memory could not be read", "")]
    [TestCase("every-read-refused", "of memory could not be read", "")]
    public void WhatAScanCouldNotSeeMakesItInconclusive(string host, string reason, string further)
    {
        JsonElement report = Run(host);
        Assert.Multiple(() =>
        {
            Assert.That(IsConclusive(report), Is.False);
            Assert.That(Warnings(report), Does.Contain(reason).And.Contain(further));
            Assert.That(Sizes(report), Does.Contain(LostByteCount).And.Not.Contain(FaultProgram.HeldByteCount));
        });
    }

    [TestCase("readable-pages", TestName = "Control_the_same_block_with_readable_pages_is_read_whole")]
    [TestCase("many-mappings", TestName = "Sixty_three_thousand_mappings_are_read")]
    [TestCase("not-dumpable", TestName = "A_program_that_may_not_be_dumped_is_scanned")]
    [TestCase("processes-without-end", TestName = "Programs_that_are_started_meanwhile_do_not_matter")]
    [TestCase("collections-without-end", TestName = "Collections_that_run_meanwhile_do_not_matter")]
    [TestCase("reads-refused", TestName = "Where_process_vm_readv_is_refused_the_memory_file_is_read")]
    [TestCase("debugged", TestName = "Under_a_debugger_the_program_is_scanned_and_the_debugger_does_not_get_the_copy")]
    public void AScanIsCompleteAllTheSame(string host)
    {
        JsonElement report = Run(host);
        Assert.Multiple(() =>
        {
            Assert.That(IsConclusive(report), Is.True, Warnings(report));
            Assert.That(Sizes(report), Is.EqualTo(new[] { LostByteCount }));
        });
    }

    // The first child dies of what it reads; the second one asks for each page first.
    [TestCase("guard-region", 4096)]
    [TestCase("reads-refused-beside-guard-region", 4096)]
    [TestCase("file-cut-short", 2 * 7 * 4096)]
    public void PagesThatNobodyCanReadKillTheFirstChildAndNotTheSecond(string host, int byteCount)
    {
        JsonElement report = Run(host);
        Assert.Multiple(() =>
        {
            Assert.That(IsConclusive(report), Is.True, Warnings(report));
            Assert.That(Sizes(report), Is.EqualTo(new[] { LostByteCount }));
            Assert.That(report.GetProperty("coverage").GetProperty("unreadableBytes").GetInt64(), Is.EqualTo(byteCount));
        });
    }

    [Test]
    public void WithoutPrivilegesAProgramThatMayNotBeDumpedIsScannedAsFarAsItGoes()
    {
        // The parent may not look at its own copy: memory that is kept out of copies is not known.
        JsonElement report = Run("not-dumpable-without-privileges");
        Assert.Multiple(() =>
        {
            Assert.That(IsConclusive(report), Is.False);
            Assert.That(Warnings(report), Does.Contain("the list of memory mappings could not be read"));
            Assert.That(Sizes(report), Does.Contain(LostByteCount));
        });
    }

    [Test]
    public void AtTheLimitOfMappingsThereIsNoReportAndTheProgramEndsAsBefore()
    {
        (ChildResult plain, ChildResult watched) = RunTwice("no-more-mappings");
        string[] added = watched.Error[plain.Error.Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Multiple(() =>
        {
            Assert.That((watched.ExitCode, watched.Output), Is.EqualTo((plain.ExitCode, plain.Output)));
            Assert.That(plain.ExitCode, Is.EqualTo(FaultProgram.ExitCode));
            Assert.That(added, Is.EqualTo(new[]
            {
                "NativeLeak: no report: the process has nearly as many memory mappings as the system allows (vm.max_map_count)",
            }));
            Assert.That(watched.Report, Is.Null);
        });
    }

    [Test]
    public void AProgramThatEndsAmidScansLooksTheSameAndIsReported()
    {
        for (int i = 0; i < 3; i++)
        {
            (ChildResult plain, ChildResult watched) = RunTwice("exit-code", "first_scan=1ms,scan_interval=1ms");
            Assert.Multiple(() =>
            {
                Assert.That(watched.Visible, Is.EqualTo(plain.Visible));
                Assert.That(IsConclusive(watched.RequiredReport), Is.True, Warnings(watched.RequiredReport));
                Assert.That(Sizes(watched.RequiredReport), Is.EqualTo(new[] { LostByteCount }));
            });
        }
    }

    private static JsonElement Run(string host, string options = "")
    {
        (ChildResult plain, ChildResult watched) = RunTwice(host, options);
        if (plain.ExitCode == FaultProgram.NotSupported)
        {
            Assert.Ignore("this system has no such thing");
        }

        Assert.That(plain.ExitCode, Is.EqualTo(FaultProgram.ExitCode), plain.Error);
        Assert.That(watched.Visible, Is.EqualTo(plain.Visible), "the program looks the same from outside");
        return watched.RequiredReport;
    }

    private static (ChildResult Plain, ChildResult Watched) RunTwice(string host, string options = "")
    {
        using ChildProgram plain = new(Artifacts.ProgramOf(Program), "--host", host);
        using ChildProgram watched = new(Artifacts.ProgramOf(Program), "--host", host);
        // Some of the programs become another user before they end.
        File.SetUnixFileMode(Path.GetDirectoryName(watched.ReportPath)!, Everybody);
        return (plain.Run(), watched.UnderDetector(options).Run());
    }

    private static bool IsConclusive(JsonElement report) => report.GetProperty("conclusive").GetBoolean();

    private static string Warnings(JsonElement report)
        => string.Join('\n', report.GetProperty("coverage").GetProperty("warnings").EnumerateArray());

    private static int[] Sizes(JsonElement report) =>
    [
        .. report.GetProperty("leaks").EnumerateArray()
            .SelectMany(static leak => leak.GetProperty("samples").EnumerateArray())
            .Select(static sample => sample.GetProperty("size").GetInt32()),
    ];
}
