// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the call sites that the compiler told: file, line and member of each intercepted call.
// Who calls it: CompilerServices.Interception registers an assembly's sites; the intercepted calls carry a number;
// reports turn it back.
// The one idea: an assembly hands over one text that nobody reads before a report: a number costs nothing to make, and an
// allocation that carries one needs no walk over the stack.
using System.Globalization;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Sites told at compile time, in the upper half of the numbers of <see cref="SiteDepot"/>. Thread-safe.</summary>
internal static class CallSites
{
    /// <summary>The first number; the depot's own end far below.</summary>
    public const uint First = 1u << 19;

    /// <summary>Behind the last number.</summary>
    public const uint End = 1u << Records.PackedRecord.SiteBits;

    private static readonly Lock s_lock = new();
    private static AssemblySites[] s_assemblies = [];
    private static uint s_next = First;

    private sealed record AssemblySites(uint First, uint Count, string Assembly, string Text)
    {
        private string[]? _lines;

        public string[] Lines => _lines ??= Text.Split('\n');
    }

    /// <summary>What is known of a site.</summary>
    /// <param name="Assembly">Simple name of the assembly.</param>
    /// <param name="File">Source file, as the compiler was given it.</param>
    /// <param name="Line">Line, from 1.</param>
    /// <param name="Member">The method as reports name it.</param>
    /// <param name="Ordinal">Which such call in the member it is, from 1.</param>
    public readonly record struct CallSite(string Assembly, string File, int Line, string Member, string Ordinal);

    /// <summary>Whether an intercepted call came along.</summary>
    // Order: a statistic.
    public static bool Any => Volatile.Read(ref s_next) != First;

    /// <summary>Takes an assembly's sites.</summary>
    /// <param name="assembly">Simple name of the assembly.</param>
    /// <param name="count">How many sites it has.</param>
    /// <param name="text">One line each: file, line, member and ordinal, with tabs between.</param>
    /// <returns>The number of the first; 0 when there are no numbers left: its calls are then named by their stacks.</returns>
    public static uint Register(string assembly, int count, string text)
    {
        lock (s_lock)
        {
            uint first = s_next;
            if (count <= 0 || (uint)count > End - first)
            {
                return 0;
            }

            // Order: the array is complete before it is seen; pairs with the read in TryFind.
            Volatile.Write(ref s_assemblies, [.. s_assemblies, new AssemblySites(first, (uint)count, assembly, text)]);
            // Order: after the array, for Any.
            Volatile.Write(ref s_next, first + (uint)count);
            return first;
        }
    }

    /// <summary>Finds a site; false for numbers of the depot's and for a text that is not as it should be.</summary>
    public static bool TryFind(uint site, out CallSite found)
    {
        found = default;
        // Order: acquires the array; pairs with the write in Register.
        foreach (AssemblySites assembly in site >= First ? Volatile.Read(ref s_assemblies) : [])
        {
            uint index = site - assembly.First;
            if (index < assembly.Count && index < (uint)assembly.Lines.Length
                && assembly.Lines[index].Split('\t') is [string file, string line, string member, string ordinal]
                && int.TryParse(line, CultureInfo.InvariantCulture, out int number))
            {
                found = new CallSite(assembly.Assembly, file, number, member, ordinal);
                return true;
            }
        }

        return false;
    }

    /// <summary>What a call hands to the recorder: its site where the level counts by sites, else 0: the stack is walked.
    /// </summary>
    public static uint Use(uint site) => AllocationRecorder.Settings.TakesCallSites && site >= First && site < End ? site : 0;
}
