// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Form of a written report (option <c>format</c>).</summary>
public enum ReportFormat
{
    /// <summary>For people: LeakSanitizer's order, one summary line at the end.</summary>
    Text,

    /// <summary>For machines: one JSON document, schema <c>nativeleak.report/1</c>.</summary>
    Json,
}
