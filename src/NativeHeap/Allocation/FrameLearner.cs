// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: walks a stack side by side with a real StackTrace of it and learns the frame sizes it needs on the way.
// Who calls it: SiteDepot at first sight of a stack.
// The one idea: the trace tells for each frame which method it is and how far into its code; with the return address
// that gives the method's start, and the prolog there tells how to find the next return address.
using System.Diagnostics;
using System.Reflection;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// Fills <see cref="FrameSizes"/>. Cold: microseconds. Never faults; without the runtime's help learns nothing.
/// </summary>
internal static unsafe class FrameLearner
{
    // Frames of the trace that a return address may skip: the runtime hides some of its own.
    private const int LookAhead = 3;
    private const int MaximumSteps = 2 * StackWalker.MaximumDepth;
    private const nuint CodeAlignment = 16;

    private static readonly int s_processId = Environment.ProcessId;

    // Private, and therefore optional: present in .NET 8 to 10, checked at first use.
    private static readonly Func<nint, MethodBase?>? s_methodAt = FindMethodAt();

    /// <summary>Whether the runtime tells which method an address belongs to.</summary>
    public static bool IsAvailable => s_methodAt is not null;

    /// <summary>Learns from one stack.</summary>
    /// <param name="trace">The frames of a StackTrace of the calling thread, innermost first.</param>
    /// <param name="site">Where the walk starts; one of the trace's frames.</param>
    /// <param name="end">End of the stack.</param>
    /// <param name="addresses">Receives the return address of each frame of the trace that was met; room for
    /// all.</param>
    public static void Learn(StackFrame[] trace, in AllocationCall site, nuint end, Span<nuint> addresses)
    {
        if (s_methodAt is null || !FrameSizes.Initialize())
        {
            return;
        }

        StackCursor cursor = new(in site, end);
        int next = 0;
        for (int step = 0; step < MaximumSteps; step++)
        {
            int found = Match(trace, next, step == 0 ? trace.Length : next + LookAhead, cursor.ReturnAddress);
            if (found >= 0)
            {
                addresses[found] = cursor.ReturnAddress;
                next = found + 1;
                // The start's own frame size is only of use where the stack pointer is known.
                nuint start = cursor.ReturnAddress - (nuint)trace[found].GetNativeOffset();
                if (start % CodeAlignment == 0 && !cursor.MustHaveFrame)
                {
                    // Safety: the runtime vouches for the method, the trace for the offset: start is its first byte.
                    FrameSizes.Set(cursor.ReturnAddress, Prolog.ReadFrameSize((byte*)start));
                }
            }

            if (!cursor.MoveNext())
            {
                return;
            }
        }
    }

    private static int Match(StackFrame[] trace, int from, int to, nuint returnAddress)
    {
        // The call before the address is in the method, the address itself may be past its end.
        if (!FollowsACall(returnAddress) || s_methodAt!((nint)returnAddress - 1) is not { } method)
        {
            return -1;
        }

        for (int i = from; i < Math.Min(to, trace.Length); i++)
        {
            // Instantiations share code: the definition decides.
            if (trace[i].GetMethod() is { } candidate
                && (ReferenceEquals(candidate, method) || IsSame(candidate, method)))
            {
                return i;
            }
        }

        return -1;
    }

    private static bool IsSame(MethodBase one, MethodBase other)
        => one.Equals(other) || (one.DeclaringType is not null && other.DeclaringType is not null
            && one.MetadataToken == other.MetadataToken && one.Module.Equals(other.Module));

    // A broken chain yields arbitrary words, and the runtime must not be asked about those: within an image but before
    // its first method it faults. What precedes a real return address is a call instruction.
    private static bool FollowsACall(nuint address)
    {
        byte* code = stackalloc byte[8];
        if (SafeRead.Copy(s_processId, address - 7, code, 7) != 7)
        {
            return false;
        }

        return code[2] == 0xE8                                          // call rel32
            || (code[1] == 0xFF && code[2] == 0x15)                     // call [rip+disp32]
            || (code[5] == 0xFF && code[6] is >= 0xD0 and <= 0xD7)      // call r64
            || (code[5] == 0xFF && code[6] is >= 0x10 and <= 0x17)      // call [r64]
            || (code[4] == 0xFF && code[5] is >= 0x50 and <= 0x57)      // call [r64+disp8]
            || (code[3] == 0xFF && code[4] is 0x14 or 0x54)             // call [sib], [sib+disp8]
            || (code[1] == 0xFF && code[2] is >= 0x90 and <= 0x97)      // call [r64+disp32]
            || (code[0] == 0xFF && code[1] == 0x94);                    // call [sib+disp32]
    }

    private static Func<nint, MethodBase?>? FindMethodAt()
    {
        try
        {
            return typeof(StackFrame).GetMethod("GetMethodFromNativeIP", BindingFlags.NonPublic | BindingFlags.Static)
                ?.CreateDelegate<Func<nint, MethodBase?>>();
        }
        catch (Exception)
        {
            // Another runtime, another signature: walks stay plain there.
            return null;
        }
    }
}
