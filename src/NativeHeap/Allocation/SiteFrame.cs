// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>One managed frame of an allocation site, as the first-seen stack showed it.</summary>
/// <remarks>
/// A method that can be unloaded (collectible assembly, dynamic method) is kept by name only: a report must not keep
/// somebody's plugin alive.
/// </remarks>
internal sealed class SiteFrame
{
    private SiteFrame(MethodBase? method, int ilOffset, string? name, string? assemblyName)
    {
        Method = method;
        ILOffset = ilOffset;
        Name = name;
        AssemblyName = assemblyName;
    }

    /// <summary>The method; null when it cannot be held.</summary>
    public MethodBase? Method { get; }

    /// <summary>Offset of the call in the method's IL; −1 when unknown.</summary>
    public int ILOffset { get; }

    /// <summary>Where the frame's call returns to; 0 when unknown.</summary>
    public nuint InstructionPointer { get; internal set; }

    /// <summary>Full name; set when <see cref="Method"/> is null.</summary>
    public string? Name { get; }

    /// <summary>Simple name of the assembly; set when <see cref="Method"/> is null.</summary>
    public string? AssemblyName { get; }

    /// <summary>Converts a frame of a real stack trace; null when the runtime has no method for it.</summary>
    internal static SiteFrame? From(StackFrame frame)
        => frame.GetMethod() is { } method ? From(method, frame.GetILOffset()) : null;

    /// <summary>
    /// A frame of <paramref name="method"/>, which is held only if that keeps nothing from being unloaded.
    /// </summary>
    internal static SiteFrame From(MethodBase method, int offset)
    {
        bool canHold = method.DeclaringType is not null && !method.IsCollectible && !method.Module.Assembly.IsDynamic;
        return canHold
            ? new SiteFrame(method, offset, null, null)
            : new SiteFrame(null, offset, NameOf(method), method.Module.Assembly.GetName().Name);
    }

    /// <summary>The frame as "Namespace.Type.Method".</summary>
    public override string ToString() => Name ?? NameOf(Method!);

    private static string NameOf(MethodBase method)
        => method.DeclaringType is { } type ? $"{type.FullName ?? type.Name}.{method.Name}" : method.Name;
}
