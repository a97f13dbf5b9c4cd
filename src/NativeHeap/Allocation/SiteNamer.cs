// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: names a stack that was never seen before.
// Who calls it: SiteDepot.InternSlow.
// The one idea: a stack is named by the frames of its own addresses, and by nothing that its addresses do not vouch for:
// two stacks with one key have one name. Addresses that are known need no StackTrace.
// Safety: pointers are to stack arrays of this thread, as long as StackWalker.MaximumDepth says.
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Makes <see cref="SiteStack"/>s. Thread-safe; exceptions are the caller's to catch.</summary>
internal static unsafe class SiteNamer
{
    // Stand for a neighbour that is not there.
    private const ulong NoFrame = 1;

    /// <summary>The names of a walk all of whose addresses are known; null when one is not.</summary>
    public static SiteStack? Compose(ReadOnlySpan<nuint> addresses)
    {
        if (FrameSizes.IsFull)
        {
            // What could not be learned would be taken for known.
            return null;
        }

        int named = 0;
        int bridgeStart = 0;
        for (int i = 0; i < addresses.Length; i++)
        {
            if (FrameTable.Find(addresses[i]) is null)
            {
                continue;
            }

            if (i > bridgeStart && !FrameTable.HasBridge(BridgeHash(addresses, bridgeStart, i)))
            {
                return null;
            }

            named++;
            bridgeStart = i + 1;
        }

        if (named == 0 || (bridgeStart < addresses.Length
            && !FrameTable.HasBridge(BridgeHash(addresses, bridgeStart, addresses.Length))))
        {
            return null;
        }

        SiteFrame[] frames = new SiteFrame[named];
        int count = 0;
        foreach (nuint address in addresses)
        {
            if (count < named && FrameTable.Find(address) is { } frame)
            {
                frames[count++] = frame;
            }
        }

        return SiteStack.Of(frames);
    }

    /// <summary>Learns from a real stack trace and names the walk that is exact from then on.</summary>
    /// <param name="call">Where the walk starts.</param>
    /// <param name="stackEnd">End of the stack.</param>
    /// <param name="addresses">Receives the walk.</param>
    /// <param name="depth">Most addresses to keep.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="hash">Their hash.</param>
    public static SiteStack Trace(
        in AllocationCall call, nuint stackEnd, nuint* addresses, int depth, out int count, out ulong hash)
    {
        StackFrame[] trace = new StackTrace(fNeedFileInfo: false).GetFrames();
        int first = 0;
        while (first < trace.Length && SiteStack.IsOurs(SiteFrame.MethodOf(trace[first])))
        {
            first++;
        }

        // The same frames once more, since the two traces are taken in one method.
        StackFrame[]? located = MustLocate(trace) ? new StackTrace(fNeedFileInfo: true).GetFrames() : null;
        int* indexes = stackalloc int[FrameLearner.MaximumSteps];
        int certain = FrameLearner.Learn(
            trace, first, in call, stackEnd, new Span<int>(indexes, FrameLearner.MaximumSteps));
        count = StackWalker.Walk(in call, stackEnd, addresses, depth, out hash);
        return FrameLearner.IsAvailable
            ? Name(trace, located, new Span<int>(indexes, Math.Min(count, certain)), new Span<nuint>(addresses, count))
            : SiteStack.From(trace, first, depth);
    }

    private static bool MustLocate(StackFrame[] trace)
    {
        foreach (StackFrame frame in trace)
        {
            if (SiteFrame.MethodOf(frame) is { IsCollectible: true } method && SiteFrame.MustLocateNow(method))
            {
                return true;
            }
        }

        return false;
    }

    private static SiteStack Name(
        StackFrame[] trace, StackFrame[]? located, ReadOnlySpan<int> indexes, ReadOnlySpan<nuint> addresses)
    {
        SiteFrame[] frames = new SiteFrame[indexes.Length];
        int count = 0;
        int bridgeStart = 0;
        bool isHeld = true;
        bool canKeep = !FrameSizes.IsFull;
        for (int i = 0; i < indexes.Length; i++)
        {
            if (indexes[i] < 0)
            {
                continue;
            }

            if (FrameTable.Find(addresses[i]) is not { } frame)
            {
                int index = indexes[i];
                frame = SiteFrame.From(SiteFrame.MethodOf(trace[index])!, trace[index].GetILOffset(), located?[index]);
                frame.InstructionPointer = addresses[i];
                if (canKeep)
                {
                    FrameTable.Add(addresses[i], frame);
                }
            }

            if (i > bridgeStart && canKeep && isHeld && frame.Method is not null)
            {
                FrameTable.AddBridge(BridgeHash(addresses, bridgeStart, i));
            }

            isHeld = frame.Method is not null;
            frames[count++] = frame;
            bridgeStart = i + 1;
        }

        if (isHeld && canKeep && bridgeStart < addresses.Length)
        {
            FrameTable.AddBridge(BridgeHash(addresses, bridgeStart, addresses.Length));
        }

        return SiteStack.Of(frames.AsSpan(0, count).ToArray());
    }

    /// <summary>Goes through everything once, so that nothing of it is compiled or loaded inside somebody's allocation.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void WarmUp(int depth)
    {
        AllocationCall call = StackWalker.Caller();
        nuint* addresses = stackalloc nuint[StackWalker.MaximumDepth];
        SiteStack stack = Trace(in call, StackWalker.StackEnd, addresses, depth, out int count, out _);
        GC.KeepAlive(stack.IsAlive);
        GC.KeepAlive(Compose(new ReadOnlySpan<nuint>(addresses, count)));
    }

    // The addresses from start to end, with the frame before and the frame behind.
    private static ulong BridgeHash(ReadOnlySpan<nuint> addresses, int start, int end)
    {
        ulong hash = start > 0 ? addresses[start - 1] : NoFrame;
        for (int i = start; i <= end; i++)
        {
            hash = (hash ^ (i < addresses.Length ? addresses[i] : NoFrame)) * 0x9E3779B97F4A7C15UL;
            hash ^= hash >> 29;
        }

        return hash;
    }
}
