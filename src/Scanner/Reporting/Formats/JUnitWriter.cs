// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: a report as the XML of JUnit, which every build server shows.
// Who calls it: ReportWriter.
// The one idea: a leak is a failed case, named by its place, so that the server's history of a case is the history of a leak.
using System.Globalization;
using System.Text;
using System.Xml;

namespace NativeLeak.Reporting.Formats;

/// <summary>Writes JUnit's XML.</summary>
internal static class JUnitWriter
{
    /// <summary>The report as XML.</summary>
    public static byte[] Write(LeakReport report)
    {
        using MemoryStream bytes = new();
        XmlWriterSettings settings = new()
        {
            Indent = true, NewLineChars = "\n", Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            // Names may hold anything; what XML cannot say is written as \uXXXX before.
            CheckCharacters = true,
        };
        using (XmlWriter xml = XmlWriter.Create(bytes, settings))
        {
            Write(xml, report);
        }

        return [.. bytes.ToArray(), (byte)'\n'];
    }

    private static void Write(XmlWriter xml, LeakReport report)
    {
        // A suite without a case looks as if nothing had run.
        int cases = Math.Max(1, report.Leaks.Count);
        int errors = report.IsConclusive ? 0 : 1;
        xml.WriteStartElement("testsuites");
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", Clean("NativeLeak: " + report.Process.Name));
        xml.WriteAttributeString("tests", Number(cases + errors));
        xml.WriteAttributeString("failures", Number(report.Leaks.Count(static group => !IsAccepted(group))));
        xml.WriteAttributeString("errors", Number(errors));
        xml.WriteAttributeString("skipped", "0");
        xml.WriteAttributeString("time", (report.Process.ReportedAt - report.Process.StartedAt).TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture));
        xml.WriteAttributeString("timestamp", report.Process.StartedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture));
        foreach (LeakGroup group in report.Leaks)
        {
            LeakFrame? place = LeakPlace.Innermost(group.Stack);
            StartCase(xml, place?.Assembly ?? "unknown", (place?.Method ?? group.Allocator) + " " + group.Fingerprint);
            xml.WriteStartElement(IsAccepted(group) ? "system-out" : "failure");
            if (!IsAccepted(group))
            {
                xml.WriteAttributeString("type", group.Kind.ToString());
                xml.WriteAttributeString("message", Clean(LeakPlace.Describe(group)));
            }

            string accepted = IsAccepted(group) ? "The baseline has this leak: " + LeakPlace.Describe(group) + "\n" : string.Empty;
            xml.WriteString(Clean(accepted + group.Evidence + "\n" + string.Join('\n', group.Stack.Select(static frame => "at " + LeakPlace.Write(frame)))));
            xml.WriteEndElement();
            xml.WriteEndElement();
        }

        if (report.Leaks.Count == 0)
        {
            StartCase(xml, report.Process.Name, "no leaks");
            xml.WriteEndElement();
        }

        if (!report.IsConclusive)
        {
            StartCase(xml, report.Process.Name, "the scan is conclusive");
            xml.WriteStartElement("error");
            xml.WriteAttributeString("message", "the scan had gaps, it proves nothing by itself");
            xml.WriteString(Clean(string.Join('\n', report.Coverage.Warnings)));
            xml.WriteEndElement();
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    // What the baseline has is a case that passes.
    private static bool IsAccepted(LeakGroup group) => group.Baseline is { State: BaselineState.Known };

    private static void StartCase(XmlWriter xml, string group, string name)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", Clean(group));
        xml.WriteAttributeString("name", Clean(name));
    }

    // Line feeds stay; other control characters and half surrogates are no XML.
    private static string Clean(string text) => string.Concat(
        string.Join('\n', text.Split('\n').Select(TerminalText.Escape)).EnumerateRunes()
            .Select(static rune => rune.Value is 0xFFFE or 0xFFFF ? "\uFFFD" : rune.ToString()));

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
