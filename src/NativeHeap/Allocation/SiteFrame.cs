// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>One managed frame of an allocation site, as the first-seen stack showed it.</summary>
/// <remarks>
/// A method that can be unloaded (collectible assembly, dynamic method) is kept by name only: a report must not keep
/// somebody's plugin alive. What finds its line later is kept in its place: file, token, IL offset. Frames are shared by
/// all stacks that go through their address.
/// </remarks>
internal sealed class SiteFrame
{
    private SiteFrame(MethodBase? method, int ilOffset)
    {
        Method = method;
        ILOffset = ilOffset;
    }

    /// <summary>Names methods that cannot be held, while they are still there; reports bring their own way.</summary>
    /// <remarks>The name, and what tells apart two methods of one name (lambdas).</remarks>
    internal static Func<MethodBase, (string Name, string Ordinal)> Describe { get; set; }
        = static method => (NameOf(method), string.Empty);

    /// <summary>The method; null when it cannot be held.</summary>
    public MethodBase? Method { get; }

    /// <summary>Offset of the call in the method's IL; −1 when unknown.</summary>
    public int ILOffset { get; }

    /// <summary>Where the frame's call returns to; 0 when unknown.</summary>
    public nuint InstructionPointer { get; internal set; }

    /// <summary>Full name; set when <see cref="Method"/> is null.</summary>
    public string? Name { get; private init; }

    /// <summary>Simple name of the assembly; set when <see cref="Method"/> is null.</summary>
    public string? AssemblyName { get; private init; }

    /// <summary>What tells the method from others of its name; set when <see cref="Method"/> is null.</summary>
    public string? Ordinal { get; private init; }

    /// <summary>File of the assembly, where it has one; set when <see cref="Method"/> is null.</summary>
    public string? ModulePath { get; private init; }

    /// <summary>The build of that file: another may take its place.</summary>
    public Guid ModuleVersion { get; private init; }

    /// <summary>Metadata token of the method in that file; 0 when <see cref="Method"/> is held.</summary>
    public int Token { get; private init; }

    /// <summary>Source file, where it must be known before the code is gone: an assembly without a file.</summary>
    public string? File { get; private init; }

    /// <summary>Line in <see cref="File"/>.</summary>
    public int Line { get; private init; }

    /// <summary>Dies when the method's code goes away; null where it never does.</summary>
    internal WeakReference? Witness { get; private init; }

    /// <summary>The method of a frame; null where there is none, or where trimming left no name of it.</summary>
    [System.Diagnostics.CodeAnalysis.UnconditionalSuppressMessage("Trimming", "IL2026",
        Justification = "A method that has no name left is a frame without a name, no more.")]
    internal static MethodBase? MethodOf(StackFrame frame) => frame.GetMethod();

    /// <summary>Whether the method's code may be given back and its address be used anew.</summary>
    internal static bool IsFleeting(MethodBase method)
        => method.DeclaringType is null || method.IsCollectible || method.Module.Assembly.IsDynamic;

    /// <summary>
    /// A frame of <paramref name="method"/>, which is held only if that keeps nothing from being unloaded.
    /// </summary>
    /// <param name="method">The method.</param>
    /// <param name="offset">IL offset of the call.</param>
    /// <param name="located">The same frame with file and line, where that was asked for.</param>
    internal static SiteFrame From(MethodBase method, int offset, StackFrame? located = null)
    {
        if (!IsFleeting(method))
        {
            return new SiteFrame(method, offset);
        }

        Assembly assembly = method.Module.Assembly;
        bool isDynamicMethod = method.DeclaringType is null && !HasToken(method);
        (string name, string ordinal) = Describe(method);
        return new SiteFrame(null, offset)
        {
            Name = name,
            Ordinal = ordinal,
            AssemblyName = assembly.GetName().Name,
            ModulePath = isDynamicMethod ? null : PathOf(assembly),
            ModuleVersion = isDynamicMethod ? Guid.Empty : method.Module.ModuleVersionId,
            Token = isDynamicMethod ? 0 : method.MetadataToken,
            File = located?.GetFileName(),
            Line = located?.GetFileLineNumber() ?? 0,
            Witness = new WeakReference(isDynamicMethod ? method : assembly),
        };
    }

    /// <summary>Whether the frame's line can only be had now.</summary>
    internal static bool MustLocateNow(MethodBase method)
        => method.IsCollectible && method.DeclaringType is not null && !method.Module.Assembly.IsDynamic
            && PathOf(method.Module.Assembly) is null;

    /// <summary>The frame as "Namespace.Type.Method".</summary>
    public override string ToString() => Name ?? NameOf(Method!);

    private static string NameOf(MethodBase method)
        => method.DeclaringType is { } type ? $"{type.FullName ?? type.Name}.{method.Name}" : method.Name;

    // A dynamic method has none and says so by an exception.
    private static bool HasToken(MethodBase method)
    {
        try
        {
            return method.MetadataToken != 0;
        }
        catch (InvalidOperationException)
        {
            // No token: the answer.
            return false;
        }
    }

    [System.Diagnostics.CodeAnalysis.UnconditionalSuppressMessage("SingleFile", "IL3000",
        Justification = "An empty path is what tells that there is no file.")]
    private static string? PathOf(Assembly assembly)
        => !assembly.IsDynamic && assembly.Location is { Length: > 0 } path ? path : null;
}
