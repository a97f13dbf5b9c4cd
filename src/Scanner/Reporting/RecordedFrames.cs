// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the frames of a site as reports use them.
// Who calls it: RecorderFacts.
// The one idea: the same line of source must give the same frames however its methods were compiled. Tiers take away the
// API's own methods and interface thunks, and a walk that is cut off at its depth then reaches further out: so what
// comes and goes is dropped, and of a stack that was cut off only those frames are shown that every tier reaches.
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.Reporting;

/// <summary>Turns depot stacks into call frames. Never throws.</summary>
internal static class RecordedFrames
{
    // How many frames the allocating API and thunks may take: Interop, NativeMemory, Marshal, and one more.
    private const int MaximumVanishing = 4;

    // Where the generator puts its methods; inlined in optimised code, a frame of their own in other.
    private const string Interceptors = "NativeLeak.Generated";

    /// <summary>The frames of a site, innermost first; addresses only where nothing has a name.</summary>
    public static IReadOnlyList<CallFrame> Of(uint site)
    {
        if (CallSites.TryFind(site, out CallSites.CallSite told))
        {
            return [Convert(told)];
        }

        Span<nuint> addresses = stackalloc nuint[StackWalker.MaximumDepth];
        SiteDepot.GetFrames(site, addresses, out int count);
        if (SiteDepot.GetStack(site) is { Frames.Count: > 0 } stack)
        {
            List<CallFrame> frames = [.. stack.Frames.Where(IsShown).Select(Convert)];
            return count < SiteDepot.Depth ? frames : Cut(frames, SiteDepot.Depth);
        }

        CallFrame[] unnamed = new CallFrame[count];
        for (int i = 0; i < count; i++)
        {
            unnamed[i] = new CallFrame(null, -1, addresses[i]);
        }

        return unnamed;
    }

    /// <summary>Of a stack that was cut off at a depth: the API's frames, and those that are there in every tier.</summary>
    internal static IReadOnlyList<CallFrame> Cut(List<CallFrame> frames, int depth)
    {
        int certain = AllocatorNames.CountApiFrames(frames) + Math.Max(1, depth - Math.Min(MaximumVanishing, depth / 4));
        return frames.Count <= certain ? frames : frames.GetRange(0, certain);
    }

    private static bool IsShown(SiteFrame frame)
        => !InterfaceThunk.Is(frame.Method) && frame.Method?.DeclaringType?.Namespace != Interceptors;

    private static CallFrame Convert(CallSites.CallSite site) => new(
        null, -1, 0, site.Member, site.Assembly, new KeptMethod(site.Ordinal, null, default, 0, site.File, site.Line));

    private static CallFrame Convert(SiteFrame frame) => frame.Method is not null
        ? new CallFrame(frame.Method, frame.ILOffset, frame.InstructionPointer)
        : new CallFrame(null, frame.ILOffset, frame.InstructionPointer, frame.Name, frame.AssemblyName, new KeptMethod(
            frame.Ordinal, frame.ModulePath, frame.ModuleVersion, frame.Token, frame.File, frame.Line));
}
