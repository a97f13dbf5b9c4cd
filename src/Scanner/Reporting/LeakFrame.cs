// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>One frame of the call stack of an allocation.</summary>
/// <param name="Method">The method as <c>Namespace.Type.Method(ParamTypes)</c>, or what is known of native
/// code.</param>
/// <param name="Assembly">Simple name of its assembly; null when not known.</param>
/// <param name="File">Source file as the debug information names it; null when not known.</param>
/// <param name="Line">Line in the file, from 1; 0 when not known.</param>
/// <param name="IsNative">Whether the frame is native code.</param>
/// <param name="IsFramework">Whether the method belongs to .NET itself.</param>
public sealed record LeakFrame(
    string Method, string? Assembly, string? File, int Line, bool IsNative, bool IsFramework);
