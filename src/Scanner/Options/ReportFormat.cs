// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Form of a written report (option <c>format</c>).</summary>
public enum ReportFormat
{
    /// <summary>For people: LeakSanitizer's order, one summary line at the end.</summary>
    Text,

    /// <summary>For machines: one JSON document, schema <c>nativeleak.report/1</c>.</summary>
    Json,

    /// <summary>For code scanning services: SARIF 2.1.0, a result per leak at the line that allocated.</summary>
    Sarif,

    /// <summary>For GitHub Actions: annotations at the lines that allocated.</summary>
    GitHub,

    /// <summary>For build servers: JUnit's XML, a failed case per leak.</summary>
    JUnit,

    /// <summary>For flame graphs: one line per call path, with the bytes that are lost.</summary>
    Folded,

    /// <summary>For speedscope: a profile whose weights are the bytes that are lost.</summary>
    Speedscope,

    /// <summary>For the option <c>baseline</c>: the leaks as what is accepted, schema <c>nativeleak.baseline/1</c>.</summary>
    Baseline,
}
