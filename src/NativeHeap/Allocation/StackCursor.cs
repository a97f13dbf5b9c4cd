// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one position in a walk over the calling thread's stack.
// Who calls it: StackWalker (hot, inlined) and FrameLearner.
// The one idea: every address that is read lies above the frames already passed and below the end of the stack, so a
// wrong size or a broken chain ends the walk or gives a wrong entry, but never faults.
using System.Runtime.CompilerServices;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>A return address, and what is needed to find the next one.</summary>
internal ref struct StackCursor
{
    // A frame larger than this is taken for a broken chain.
    private const nuint MaximumFrameByteCount = 1 << 20;

    // The first page is never mapped; a smaller "return address" ends a chain.
    private const nuint MinimumCodeAddress = 4096;

    /// <summary>What a step read.</summary>
    internal enum Step
    {
        /// <summary>Nothing: it failed before.</summary>
        None,

        /// <summary>A frame: the saved RBP, and the return address above it.</summary>
        Link,

        /// <summary>A return address, by its distance from RSP.</summary>
        Word,

        /// <summary>A saved RBP at <see cref="LastFrame"/>, and a return address further up.</summary>
        Replaced,
    }

    private readonly nuint _last;
    private nuint _framePointer;
    private nuint _stackPointer;

    /// <summary>Starts at a call site of the calling thread.</summary>
    // Safety: only the address of a local is taken, to know where this frame lies.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe StackCursor(in AllocationCall site, nuint end)
    {
        nuint here;
        ReturnAddress = site.ReturnAddress;
        _framePointer = site.FramePointer;
        // Unknown: at least above this method's own locals. Known ones are checked like any other position.
        MustHaveFrame = site.StackPointer <= (nuint)(&here);
        _stackPointer = MustHaveFrame ? (nuint)(&here) : site.StackPointer;
        _last = end - (2 * (nuint)sizeof(nuint));
    }

    /// <summary>The return address at this position.</summary>
    public nuint ReturnAddress { get; private set; }

    /// <summary>
    /// Whether the method at this position is known to have a frame because its stack pointer is not known.
    /// </summary>
    public bool MustHaveFrame { get; private set; }

    /// <summary>RBP at this position.</summary>
    public readonly nuint FramePointer
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _framePointer;
    }

    /// <summary>RSP at this position: right above the return address that led here.</summary>
    public readonly nuint StackPointer
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _stackPointer;
    }

    /// <summary>What the last <see cref="MoveNext"/> read.</summary>
    public Step LastStep { get; private set; }

    /// <summary>Where it read the saved RBP, if it was <see cref="Step.Replaced"/>.</summary>
    public nuint LastFrame { get; private set; }

    /// <summary>Goes to the caller. False at the end of the chain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe bool MoveNext()
    {
        int size = FrameSizes.Find(ReturnAddress);
        nuint next;
        LastStep = Step.None;
        if (size == FrameSizes.Framed || (MustHaveFrame && size < FrameSizes.ReplacedBit))
        {
            nuint frame = _framePointer;
            // Safety: the frame lies above the last position, at most 1 MiB, aligned, and both its words below the end.
            if (frame - _stackPointer >= MaximumFrameByteCount || frame > _last || (frame & 7) != 0)
            {
                return false;
            }

            _framePointer = *(nuint*)frame;
            next = ((nuint*)frame)[1];
            _stackPointer = frame + (2 * (nuint)sizeof(nuint));
            LastStep = Step.Link;
        }
        else if (size >= FrameSizes.ReplacedBit)
        {
            if (!TryLeaveReplacement(size, out next))
            {
                return false;
            }
        }
        else
        {
            nuint slot = _stackPointer + ((nuint)(uint)size * (nuint)sizeof(nuint));
            // Safety: the slot lies above the last position (sizes are at most 512 KiB) and below the end.
            if (slot > _last || (slot & 7) != 0)
            {
                return false;
            }

            next = *(nuint*)slot;
            _stackPointer = slot + (nuint)sizeof(nuint);
            LastStep = Step.Word;
        }

        MustHaveFrame = false;
        ReturnAddress = next;
        return IsCode(next);
    }

    /// <summary>Whether a return address does not end a chain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCode(nuint address) => address >= MinimumCodeAddress;

    // Safety: the frame lies above the last position, its words and the return address below the end, all aligned.
    private unsafe bool TryLeaveReplacement(int size, out nuint next)
    {
        nuint frame = _framePointer;
        nuint slot = frame + ((nuint)(uint)(size & ~FrameSizes.ReplacedBit) * (nuint)sizeof(nuint));
        next = 0;
        if (size == FrameSizes.End || frame - _stackPointer >= MaximumFrameByteCount || slot > _last
            || ((frame | slot) & 7) != 0)
        {
            return false;
        }

        _framePointer = *(nuint*)frame;
        next = *(nuint*)slot;
        _stackPointer = slot + (nuint)sizeof(nuint);
        LastStep = Step.Replaced;
        LastFrame = frame;
        return true;
    }

    /// <summary>Finds a word that lies above the frame at RBP and right above a copy of what that frame saved of RBP.
    /// </summary>
    /// <param name="isReturnAddress">Tells whether a word is the one.</param>
    /// <returns>Its distance from RBP in words; 0 when it is not there.</returns>
    public readonly unsafe int FindAboveFrame(Func<nuint, bool> isReturnAddress)
    {
        nuint frame = _framePointer;
        // Safety: as in TryLeaveReplacement, for each word that is read.
        if (frame - _stackPointer >= MaximumFrameByteCount || frame > _last || (frame & 7) != 0)
        {
            return 0;
        }

        nuint* words = (nuint*)frame;
        for (int i = 3; i < FrameSizes.End - FrameSizes.ReplacedBit && (nuint)(words + i) <= _last; i++)
        {
            if (words[i - 1] == words[0] && isReturnAddress(words[i]))
            {
                return i;
            }
        }

        return 0;
    }
}
