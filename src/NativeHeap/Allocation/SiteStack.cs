// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the names of one allocation site.
// Who calls it: SiteDepot at first sight of a stack; reports read it.
// The one idea: one real StackTrace, taken while the code is running, is right where address lookups later are not
// (tiers, on-stack replacement, unloading).
using System.Diagnostics;
using System.Reflection;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Managed frames, innermost first; framework frames included, NativeLeak's own removed. Immutable.</summary>
internal sealed class SiteStack
{
    /// <summary>Most frames kept of a stack that was walked to its end.</summary>
    public const int MaximumFrameCount = 128;

    private static readonly Assembly s_heapAssembly = typeof(SiteStack).Assembly;
    private static readonly Assembly s_interopAssembly = typeof(Interop.Platform).Assembly;
    private static readonly Assembly s_coreAssembly = typeof(object).Assembly;

    private SiteStack(SiteFrame[] frames, bool isBstr)
    {
        Frames = frames;
        IsBstr = isBstr;
    }

    /// <summary>The frames.</summary>
    public IReadOnlyList<SiteFrame> Frames { get; }

    /// <summary>Whether the block is a BSTR's: the user's pointer is 8 bytes into it.</summary>
    public bool IsBstr { get; }

    /// <summary>The innermost frames only; this very stack when it has no more.</summary>
    internal SiteStack Top(int count) => Frames.Count <= count ? this : new SiteStack([.. Frames.Take(count)], IsBstr);

    /// <summary>Converts the frames of a real stack trace.</summary>
    /// <param name="trace">The frames, innermost first, ours included.</param>
    /// <param name="addresses">The return address of each frame where known; may be shorter.</param>
    /// <param name="maximumFrameCount">Frames to keep at most.</param>
    internal static SiteStack From(StackFrame[] trace, ReadOnlySpan<nuint> addresses, int maximumFrameCount)
    {
        int first = 0;
        while (first < trace.Length && IsOurs(trace[first].GetMethod()))
        {
            first++;
        }

        List<SiteFrame> frames = new(Math.Min(trace.Length - first, maximumFrameCount));
        for (int i = first; i < trace.Length && frames.Count < maximumFrameCount; i++)
        {
            if (SiteFrame.From(trace[i]) is { } frame)
            {
                frame.InstructionPointer = i < addresses.Length ? addresses[i] : 0;
                frames.Add(frame);
            }
        }

        return new SiteStack([.. frames], AllocatesBstr(frames));
    }

    /// <summary>A stack of these methods, innermost first; for tests of what is concluded from names.</summary>
    internal static SiteStack Of(params ReadOnlySpan<MethodBase> methods)
    {
        List<SiteFrame> frames = [];
        foreach (MethodBase method in methods)
        {
            frames.Add(SiteFrame.From(method, -1));
        }

        return new SiteStack([.. frames], AllocatesBstr(frames));
    }

    // A frame the runtime has no method for (a stub) before the first foreign one belongs to our hook's entry.
    private static bool IsOurs(MethodBase? method)
    {
        if (method is null)
        {
            return true;
        }

        Assembly assembly = method.Module.Assembly;
        return ReferenceEquals(assembly, s_heapAssembly) || ReferenceEquals(assembly, s_interopAssembly)
            || assembly.GetName().Name is "NativeLeak.Scanner" or "NativeLeak.StartupHook" or "NativeLeak.NativeHeap";
    }

    // Marshal.AllocBSTR calls malloc itself and may be inlined into its caller (StringToBSTR,
    // SecureString.MarshalToBSTR, the marshallers): the innermost frame that is not the P/Invoke shim tells.
    private static bool AllocatesBstr(List<SiteFrame> frames)
    {
        foreach (SiteFrame frame in frames)
        {
            if (frame.Method is not { } method || !ReferenceEquals(method.Module.Assembly, s_coreAssembly))
            {
                return false;
            }

            string type = method.DeclaringType!.FullName ?? "";
            if (!type.StartsWith("Interop", StringComparison.Ordinal))
            {
                return method.Name.Contains("BSTR", StringComparison.OrdinalIgnoreCase)
                    || type.Contains("BSTR", StringComparison.OrdinalIgnoreCase);
            }
        }

        return false;
    }
}
