// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Misuse;

/// <summary>Where in a stack the freeing API ends and its caller begins.</summary>
internal static class SiteStackEnds
{
    /// <summary>
    /// Whether the two innermost return addresses reach a method that is not the freeing API itself: then they alone
    /// tell who freed. A method without a frame that lies between them makes the answer no.
    /// </summary>
    /// <param name="stack">The stack; null when it has no names.</param>
    /// <param name="inner">Return address into the innermost frame, which may be one of ours and not in the stack.</param>
    /// <param name="outer">Return address into the frame around it.</param>
    public static bool ReachesCaller(SiteStack? stack, nuint inner, nuint outer)
    {
        for (int i = 0; i < stack?.Frames.Count; i++)
        {
            SiteFrame frame = stack.Frames[i];
            if (frame.InstructionPointer == 0 || (frame.InstructionPointer != inner && frame.InstructionPointer != outer))
            {
                return false;
            }

            if (!IsFreeingApi(frame.Method))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a method is part of the freeing APIs: a caller of it decides the family.</summary>
    public static bool IsFreeingApi(MethodBase? method) => method?.DeclaringType is { } type
        && (type == typeof(Marshal) || type == typeof(NativeMemory)
            || (type.Assembly == typeof(Marshal).Assembly
                && type.FullName?.StartsWith("Interop", StringComparison.Ordinal) == true));
}
