// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Naming;

/// <summary>Where the static fields of one type begin.</summary>
/// <param name="Start">Address of what a field with offset 0 would be.</param>
/// <param name="MethodTable">The type.</param>
internal readonly record struct StaticBase(ulong Start, ulong MethodTable);
