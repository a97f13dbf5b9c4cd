// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace NativeLeak.Reporting;

/// <summary>One frame as it was captured, before names and lines.</summary>
/// <param name="Method">The method; null for native code and for what could not be held.</param>
/// <param name="ILOffset">Offset of the call in the method's IL; negative when not known.</param>
/// <param name="InstructionPointer">Return address; only for frames without a method.</param>
/// <param name="Name">What is known when there is no method.</param>
/// <param name="AssemblyName">Simple name of the assembly when there is no method.</param>
/// <param name="Kept">What was kept of a method that could not be held.</param>
internal readonly record struct CallFrame(
    MethodBase? Method, int ILOffset, nuint InstructionPointer = 0, string? Name = null, string? AssemblyName = null,
    KeptMethod? Kept = null);

/// <summary>What finds the lines of a method that may be unloaded when the report is written.</summary>
/// <param name="Ordinal">What tells it from other methods of its name.</param>
/// <param name="ModulePath">File of its assembly; null when it had none.</param>
/// <param name="ModuleVersion">The build of that file.</param>
/// <param name="Token">Its metadata token there.</param>
/// <param name="File">Source file, where that had to be found at once.</param>
/// <param name="Line">Line in <paramref name="File"/>.</param>
internal sealed record KeptMethod(
    string? Ordinal, string? ModulePath, Guid ModuleVersion, int Token, string? File, int Line);

/// <summary>
/// Contract: what a report needs beside the scan's outcome. The recorder fulfils it in a process, fabricated data in
/// tests. Post: never throws; unknown numbers have an answer too.
/// </summary>
internal interface IReportFacts
{
    /// <summary>How allocations are seen, for <see cref="ReportCoverage.Tier"/>.</summary>
    string Tier { get; }

    /// <summary>What that cannot see.</summary>
    IReadOnlyList<string> Unseen { get; }

    /// <summary>What the recorder has to say about itself: blocks it could not record, why it stopped.</summary>
    IReadOnlyList<string> Warnings { get; }

    /// <summary>The recorder's level, counters and memory.</summary>
    ReportedTracker Tracker { get; }

    /// <summary>Bytes of the recorded blocks that are live. Cost: one sum of counters.</summary>
    long LiveBytes => 0;

    /// <summary>Bytes of all blocks recorded since the start. Cost: one sum of counters.</summary>
    long AllocatedBytes => 0;

    /// <summary>Counts the live blocks of each site.</summary>
    IReadOnlyList<SiteCount> CountSites();

    /// <summary>What the program did wrong so far.</summary>
    IReadOnlyList<FoundMisuse> Misuse => [];

    /// <summary>The call stack of a site, innermost first, without NativeLeak's own frames; empty when not
    /// known.</summary>
    IReadOnlyList<CallFrame> GetFrames(uint site);

    /// <summary>Names a thread.</summary>
    string DescribeThread(ushort number);

    /// <summary>When a block with this birth was allocated.</summary>
    DateTimeOffset TimeOf(uint birthTick);
}
