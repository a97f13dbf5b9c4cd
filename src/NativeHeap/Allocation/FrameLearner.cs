// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: walks a stack side by side with a real StackTrace of it, learns the frame sizes it needs on the way, and
// finds where the walk must end.
// Who calls it: SiteNamer at first sight of a stack.
// The one idea: the trace tells for each frame which method it is and how far into its code; with the return address
// that gives the method's start, and the prolog there tells how to find the next return address. Where the walk loses a
// frame of the trace, the address it was lost from is marked, and all later walks end there.
using System.Diagnostics;
using System.Reflection;
using NativeLeak.Interop.Linux;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// Fills <see cref="FrameSizes"/>. Cold: microseconds. Never faults; without the runtime's help learns nothing.
/// </summary>
internal static unsafe class FrameLearner
{
    /// <summary>Most addresses that are looked at.</summary>
    public const int MaximumSteps = 2 * StackWalker.MaximumDepth;

    private const nuint CodeAlignment = 16;
    private const int NotFound = -1;

    private static readonly int s_processId = Environment.ProcessId;

    // Private, and therefore optional: present in .NET 8 to 10, checked at first use.
    private static readonly Func<nint, MethodBase?>? s_methodAt = FindMethodAt();

    /// <summary>Whether the runtime tells which method an address belongs to.</summary>
    public static bool IsAvailable => s_methodAt is not null;

    /// <summary>Learns from one stack.</summary>
    /// <param name="trace">The frames of a StackTrace of the calling thread, innermost first.</param>
    /// <param name="first">The first frame that is not NativeLeak's.</param>
    /// <param name="site">Where the walk starts.</param>
    /// <param name="end">End of the stack.</param>
    /// <param name="frames">Receives for each address of the walk the index of its frame in the trace, or −1 for code
    /// without a method; room for <see cref="MaximumSteps"/>.</param>
    /// <returns>How many addresses of the walk are certain: no frame of the trace is missing among them.</returns>
    public static int Learn(StackFrame[] trace, int first, in AllocationCall site, nuint end, Span<int> frames)
    {
        if (s_methodAt is null || !FrameSizes.Initialize())
        {
            return 0;
        }

        StackCursor cursor = new(in site, end);
        int next = first;
        // Where the walk is lost from, if the next frame is not found.
        nuint last = 0;
        int certain = 0;
        for (int step = 0; step < MaximumSteps; step++)
        {
            nuint address = cursor.ReturnAddress;
            int found = Match(trace, next, address, out bool isCode);
            // What the trace shows before the walk's start cannot be in any key.
            if (!isCode || (certain > 0 && IsLost(trace, next, found)))
            {
                break;
            }

            frames[step] = found;
            last = address;
            if (found >= 0)
            {
                next = found + 1;
                certain = step + 1;
                LearnSize(trace, found, in cursor);
                if (next == trace.Length || ThreadStarters.Owns(SiteFrame.MethodOf(trace[found])))
                {
                    break;
                }
            }

            if (!cursor.MoveNext())
            {
                break;
            }

            if (step == MaximumSteps - 1)
            {
                return certain;
            }
        }

        if (last != 0)
        {
            FrameSizes.Set(last, FrameSizes.End);
        }

        return certain;
    }

    // The frames from next to before found have no address in the walk. Only those of P/Invoke methods need none: the
    // runtime lists the method beside the stub that does its work.
    private static bool IsLost(StackFrame[] trace, int next, int found)
    {
        for (int i = next; i < found; i++)
        {
            if (SiteFrame.MethodOf(trace[i]) is { } method && (method.Attributes & MethodAttributes.PinvokeImpl) == 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether two reflections are of one method; instantiations share code, so the definition decides.
    /// </summary>
    public static bool IsSame(MethodBase one, MethodBase other)
        => ReferenceEquals(one, other) || one.Equals(other) || (one.DeclaringType is not null
            && other.DeclaringType is not null && one.MetadataToken == other.MetadataToken
            && one.Module.Equals(other.Module));

    // The start's own frame size is only of use where the stack pointer is known.
    private static void LearnSize(StackFrame[] trace, int index, in StackCursor cursor)
    {
        nuint address = cursor.ReturnAddress;
        nuint start = address - (nuint)trace[index].GetNativeOffset();
        int known = FrameSizes.Find(address);
        bool isSettled = known != FrameSizes.Framed && FrameTable.Find(address) is not null;
        if (isSettled || start % CodeAlignment != 0)
        {
            return;
        }

        // Safety: the runtime vouches for the method, the trace for the offset: start is its first byte.
        if (Prolog.IsReplacement((byte*)start))
        {
            StackFrame? caller = index + 1 < trace.Length ? trace[index + 1] : null;
            int distance = caller is null ? 0 : cursor.FindAboveFrame(word => IsReturnInto(caller, word));
            FrameSizes.Set(address, distance == 0 ? FrameSizes.End : FrameSizes.ReplacedBit | distance);
        }
        else if (!cursor.MustHaveFrame)
        {
            FrameSizes.Set(address, Prolog.ReadFrameSize((byte*)start));
        }
    }

    private static bool IsReturnInto(StackFrame caller, nuint word)
        => word > (nuint)caller.GetNativeOffset() && (word - (nuint)caller.GetNativeOffset()) % CodeAlignment == 0
            && FollowsACall(word) && s_methodAt!((nint)word - 1) is { } method && SiteFrame.MethodOf(caller) is { } expected
            && IsSame(expected, method);

    private static int Match(StackFrame[] trace, int from, nuint address, out bool isCode)
    {
        isCode = true;
        MethodBase? method;
        int offset = NotFound;
        if (FrameTable.Find(address) is { } known)
        {
            (method, offset) = (known.Method, known.ILOffset);
        }
        else
        {
            isCode = FollowsACall(address);
            // The call before the address is in the method, the address itself may be past its end.
            method = isCode ? s_methodAt!((nint)address - 1) : null;
        }

        for (int i = from; method is not null && i < trace.Length; i++)
        {
            if (SiteFrame.MethodOf(trace[i]) is { } candidate && IsSame(candidate, method)
                && (offset == NotFound || trace[i].GetILOffset() == offset))
            {
                return i;
            }
        }

        return NotFound;
    }

    // A broken chain yields arbitrary words, and the runtime must not be asked about those: within an image but before
    // its first method it faults. What precedes a real return address is a call instruction.
    private static bool FollowsACall(nuint address)
    {
        byte* code = stackalloc byte[8];
        if (SafeRead.CopyInline(s_processId, address - 7, code, 7) != 7)
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
