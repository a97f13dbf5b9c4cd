// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class TextReportWriterTests
{
    private const string Golden = """
        =================================================================
        ==4711==NATIVELEAK: ERROR: detected native memory leaks
        ==4711==NATIVELEAK: ingest, .NET 10.0.1, Linux X64; at exit

        Definite leak of 4096 byte(s) in 1 block(s) allocated by Marshal.AllocHGlobal:
            #0 at Ingest.Parser.Read(Stream) in /src/Parser.cs:41
            #1 at Ingest.Program.Main(string[])
            (2 framework frame(s) folded, the innermost System.Text.Helper.Make<T>())
          why: no pointer to it was found
          last held by Ingest.Parser._row (object collected, or field overwritten), lost between scan 3 and 4 (1 block(s))
          lost with it: 64 byte(s) in 2 block(s) that hang from it
          12.5 s old; by thread 3 "worker"; fingerprint 0123456789abcdef
          block 0x7f00, 4096 byte(s), allocation 17, content 48 69 0a |Hi.|

        Possible leak of 40 byte(s) in 3 block(s) allocated by NativeMemory.Alloc:
            (call stack not known)
          why: only one to its inside
          1.0 s to 3.0 s old; by ; fingerprint fedcba9876543210

        ==4711==NATIVELEAK: WARNING: no lines for frames of Plugin
        ==4711==NATIVELEAK: live 5000 byte(s) in 10 block(s): reachable 800 byte(s) in 6 block(s), young 0 byte(s) in 0 block(s), ignored 0 byte(s) in 0 block(s)
        ==4711==NATIVELEAK: coverage: snapshot, managed heap trace, 12 of 12 threads stopped, 1000 bytes of roots and 200 bytes of blocks read, 0 unreadable
        ==4711==NATIVELEAK: reachable by a heuristic: length64 2 block(s)
        ==4711==NATIVELEAK: tracker: level on, 110 block(s) recorded, 100 freed, 2 free(s) of blocks without a record; 65536 bytes of its own memory, no limit
        ==4711==NATIVELEAK: allocations seen: runtime hook (exports); not seen: memory that native libraries allocate themselves
        ==4711==NATIVELEAK: more: NATIVELEAK_VERBOSITY=1 unfolds framework frames, NATIVELEAK_FORMAT=json gives everything, NATIVELEAK_OPTIONS=help=1 lists all options

        SUMMARY: NativeLeak: 4200 byte(s) leaked in 4 block(s) (definite 4096 byte(s) in 1 block(s), indirect 64 byte(s) in 2 block(s), possible 40 byte(s) in 1 block(s)).

        """;

    [Test]
    public void TheReportIsTheGoldenText()
        => Assert.That(SampleReports.Leaky.ToText(), Is.EqualTo(Golden.ReplaceLineEndings("\n")));

    [Test]
    public void VerbosityUnfoldsTheFrameworksFramesInTheirOrder() => Assert.That(
        SampleReports.Leaky.ToText(verbosity: 1),
        Does.Contain("#0 at System.Runtime.InteropServices.Marshal.AllocHGlobal(nint)\n    #1 at System.Text.Helper")
            .And.Contain("#2 at Ingest.Parser").And.Not.Contain("folded"));

    [Test]
    public void ACleanReportSaysSoAndEndsWithTheSummary()
    {
        string text = SampleReports.Clean.ToText();
        Assert.That(text, Does.Contain("no leaks: 30 byte(s) in 3 block(s), reachable"));
        Assert.That(
            text.TrimEnd().Split('\n')[^1],
            Does.StartWith("SUMMARY: NativeLeak: 0 byte(s) leaked in 0 block(s) (definite"));
    }

    [Test]
    public void AnInconclusiveReportSaysSoFirstAndNeverThatNothingLeaked()
    {
        string text = SampleReports.Inconclusive.ToText();
        Assert.That(text.Split('\n')[1], Does.Contain("INCONCLUSIVE"));
        Assert.That(text, Does.Not.Contain("no leaks").And.Contain("WARNING: no scan: the system refused"));
    }

    [Test]
    public void ControlCharactersOfNamesCannotReachATerminal()
    {
        LeakReport report = SampleReports.Clean with
        {
            Process = SampleReports.Clean.Process with { Name = "a\u001b[31mb\nc\u202ed\u0085e" },
        };
        string text = report.ToText();
        Assert.That(text, Does.Contain(@"a\u001b[31mb\u000ac\u202ed\u0085e"));
        Assert.That(text.Any(static character => character is '\u001b' or '\u202e' or '\u0085'), Is.False);
    }
}
