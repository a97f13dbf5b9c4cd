// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Reflection;
using NativeLeak.NativeHeap.Allocation;

namespace StackShapes;

/// <summary>One frame as both sides can name it: method, and line or 0 where there is no debug information.</summary>
internal readonly record struct NamedFrame(string Method, int Line)
{
    public override string ToString() => $"{Method}:{Line}";
}

/// <summary>What a StackTrace with file information says of a stack, innermost first.</summary>
internal sealed class Truth
{
    public Truth(StackTrace trace)
    {
        List<NamedFrame> frames = [];
        foreach (StackFrame frame in trace.GetFrames())
        {
            if (frame.GetMethod() is { } method && !IsStub(method))
            {
                frames.Add(new NamedFrame(SiteFrame.From(method, 0).ToString(), frame.GetFileLineNumber()));
            }
        }

        Frames = [.. frames];
        Text = string.Join(" < ", Frames);
    }

    /// <summary>P/Invoke methods have no code of their own: the runtime lists them beside their stubs, or does not.</summary>
    public static bool IsStub(MethodBase? method)
        => method is not null && (method.Attributes & MethodAttributes.PinvokeImpl) != 0;

    public NamedFrame[] Frames { get; }

    public string Text { get; }
}
