// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>
/// Says that blocks are not to be reported as leaks: those that a method allocated, by itself or through others, those of all
/// methods of a type, or, on an assembly, those of a <see cref="Template"/>. What hangs from them is not reported either. Reports
/// count them as suppressed.
/// </summary>
/// <remarks>Costs nothing where no detector runs; a report reads it only for blocks that were found lost. Frames that were inlined
/// away carry nothing: mark a method that is not, or its type. The idea is that of the suppressions of LeakSanitizer and Valgrind; in
/// code they stand beside their reason.</remarks>
/// <param name="justification">Why, for whoever reads the code. Not empty, if you can.</param>
[AttributeUsage(
    AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Assembly,
    AllowMultiple = true, Inherited = false)]
public sealed class SuppressNativeLeakAttribute(string justification) : Attribute
{
    /// <summary>Why.</summary>
    public string Justification { get; } = justification;

    /// <summary>Which leaks, written as a line of a suppression file without <c>leak:</c>, for instance
    /// <c>Contoso.Cache.Load where kind=possible, count=10</c>. Null: all that lead through the member; on an assembly it must not
    /// be null.</summary>
    public string? Template { get; init; }
}
