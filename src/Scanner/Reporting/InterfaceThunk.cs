// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using NativeLeak.Naming;

namespace NativeLeak.Reporting;

/// <summary>
/// Recognises methods that implement an interface's method by calling another with the same arguments and nothing else.
/// Optimised code leaves them by a jump, so they stand in some stacks of a line and not in others: reports drop them.
/// </summary>
internal static class InterfaceThunk
{
    private const byte LoadArgument0 = 0x02;
    private const byte LoadArgument3 = 0x05;
    private const byte LoadArgumentShort = 0x0E;
    private const byte Call = 0x28;
    private const byte CallVirtual = 0x6F;
    private const byte Return = 0x2A;

    /// <summary>Whether the method is one. Never throws.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Trimmed.Names)]
    public static bool Is(MethodBase? method)
    {
        // An explicit implementation: private in metadata, virtual all the same, named by its interface.
        if (method is not { IsPrivate: true, IsVirtual: true, IsFinal: true } || !method.Name.Contains('.', StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            return method.GetMethodBody()?.GetILAsByteArray() is { } il && OnlyForwards(il);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // No body to be had: then nothing is known of it, and it stays.
            return false;
        }
    }

    private static bool OnlyForwards(byte[] il)
    {
        int at = 0;
        while (at < il.Length && (il[at] is >= LoadArgument0 and <= LoadArgument3 || il[at] == LoadArgumentShort))
        {
            at += il[at] == LoadArgumentShort ? 2 : 1;
        }

        return at > 0 && at + 6 == il.Length && (il[at] is Call or CallVirtual) && il[^1] == Return;
    }
}
