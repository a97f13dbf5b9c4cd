// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Analyzers.Interceptors;

/// <summary>One call that is led elsewhere. Values only, so that the generator works again only when one changes.</summary>
/// <param name="Member">Key of the member in the table.</param>
/// <param name="LocationVersion">How the compiler wrote <paramref name="LocationData"/>.</param>
/// <param name="LocationData">Where the call is, as the compiler writes it.</param>
/// <param name="Place">Where it is, for people.</param>
/// <param name="File">Source file as debug information names it.</param>
/// <param name="Line">Line, from 1.</param>
/// <param name="Position">Place in the file, to keep the order.</param>
/// <param name="Caller">The method it is in, as reports name it.</param>
internal sealed record InterceptedCall(
    string Member, int LocationVersion, string LocationData, string Place, string File, int Line, int Position, string Caller);
