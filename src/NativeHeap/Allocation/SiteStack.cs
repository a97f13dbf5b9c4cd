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
    private static readonly Assembly s_heapAssembly = typeof(SiteStack).Assembly;
    private static readonly Assembly s_interopAssembly = typeof(Interop.Platform).Assembly;
    private static readonly Assembly s_coreAssembly = typeof(object).Assembly;

    private readonly WeakReference[] _witnesses;

    private SiteStack(SiteFrame[] frames)
    {
        Frames = frames;
        IsBstr = AllocatesBstr(frames);
        _witnesses = Array.Exists(frames, static frame => frame.Witness is not null)
            ? [.. frames.Select(static frame => frame.Witness).OfType<WeakReference>()]
            : [];
    }

    /// <summary>The frames.</summary>
    public IReadOnlyList<SiteFrame> Frames { get; }

    /// <summary>Whether the block is a BSTR's: the user's pointer is 8 bytes into it.</summary>
    public bool IsBstr { get; }

    /// <summary>Whether some of its code may be given back.</summary>
    public bool IsFleeting => _witnesses.Length > 0;

    /// <summary>Whether its addresses still mean these frames: none of the code was given back.</summary>
    public bool IsAlive => Array.TrueForAll(_witnesses, static witness => witness.IsAlive);

    /// <summary>A stack of these frames, less the thread's start.</summary>
    internal static SiteStack Of(SiteFrame[] frames)
    {
        int count = frames.Length;
        while (count > 1 && ThreadStarters.Owns(frames[count - 1].Method))
        {
            count--;
        }

        return new SiteStack(count == frames.Length ? frames : frames[..count]);
    }

    /// <summary>Takes the frames of a real stack trace as they are: where the runtime does not help to do better.
    /// </summary>
    /// <param name="trace">The frames, innermost first.</param>
    /// <param name="first">The first to take.</param>
    /// <param name="maximumFrameCount">Frames to keep at most.</param>
    internal static SiteStack From(StackFrame[] trace, int first, int maximumFrameCount)
    {
        List<SiteFrame> frames = [];
        for (int i = first; i < trace.Length && frames.Count < maximumFrameCount; i++)
        {
            if (SiteFrame.MethodOf(trace[i]) is { } method)
            {
                frames.Add(SiteFrame.From(method, trace[i].GetILOffset()));
            }
        }

        return Of([.. frames]);
    }

    /// <summary>A stack of these methods, innermost first; for tests of what is concluded from names.</summary>
    internal static SiteStack Of(params ReadOnlySpan<MethodBase> methods)
    {
        List<SiteFrame> frames = [];
        foreach (MethodBase method in methods)
        {
            frames.Add(SiteFrame.From(method, -1));
        }

        return new SiteStack([.. frames]);
    }

    /// <summary>Whether a frame at the inner end is NativeLeak's own: one without a method, a stub, belongs to the hook's
    /// entry.</summary>
    internal static bool IsOurs(MethodBase? method)
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
    private static bool AllocatesBstr(SiteFrame[] frames)
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
