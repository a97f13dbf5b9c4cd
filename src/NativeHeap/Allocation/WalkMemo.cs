// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the last stack walk of each thread, so that a stack that is still the same is not walked again.
// Who calls it: SiteDepot, on every recorded allocation.
// The one idea: a walk is a function of where it starts, of the words it reads on the stack and of FrameSizes. All of
// them are kept; if every one still has its value, the walk would end with the same site, and so it is not made. The
// walk follows a chain of loads that wait for each other; the comparison's loads do not.
// Safety: see Recall: whatever is read lies between the caller's frame and the end of the calling thread's own stack.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>What one walk read and what came of it; one per thread number, in native pages, written by its thread only.</summary>
/// <remarks>
/// <code>
///    0 frame pointer   8 return address   16 stack pointer   24 stack end      where the walk started
///   32 version of FrameSizes   36 site's word   40 bytes of links   42 bytes of words   44 walks since it served
///   48 sum of the hash   56 entries   60 links
///   64 which entry each link gave, a byte each
///  128 links: (frame, word at frame, word above it) …          framed methods: upwards
///      words: (address, word) …                                methods without a frame, replaced methods: downwards
/// 2240 end
/// </code>
/// Links and words are compared two by two; an odd one is its own neighbour.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = ByteCount)]
internal unsafe struct WalkMemo
{
    /// <summary>Size in bytes: room for the longest walk, whatever its methods are.</summary>
    public const int ByteCount = 2240;

    private const int FirstStep = 64, HeadByteCount = 128;
    private const int LinkByteCount = 24;
    private const int WordByteCount = 16;

    // Memos in a row that served nobody: from here on only every so many walks are kept, the others cost nothing more.
    private const uint FutileCount = 4, FutileInterval = 8;

    private static byte* s_memos;

    [FieldOffset(0)] private nuint _framePointer;
    [FieldOffset(8)] private nuint _returnAddress;
    [FieldOffset(16)] private nuint _stackPointer;
    [FieldOffset(24)] private nuint _stackEnd;
    [FieldOffset(32)] private int _version;
    [FieldOffset(36)] private uint _siteWord;
    [FieldOffset(40)] private ushort _linksByteCount;
    [FieldOffset(42)] private ushort _wordsByteCount;
    [FieldOffset(44)] private uint _walks;
    [FieldOffset(48)] private ulong _sum;
    [FieldOffset(56)] private int _entries;
    [FieldOffset(60)] private int _links;

    /// <summary>Reserves one for every thread number. False when the system refuses: then every walk is made.</summary>
    public static bool Initialize()
    {
        if (s_memos == null)
        {
            nuint byteCount = (nuint)(ThreadNumberTable.MaximumCount + 1) * ByteCount;
            nuint address = Platform.Pages.Reserve(byteCount);
            if (address != 0 && !Platform.Pages.Commit(address, byteCount))
            {
                Platform.Pages.Release(address, byteCount);
                address = 0;
            }

            s_memos = (byte*)address;
        }

        return s_memos != null;
    }

    /// <summary>The memo of a thread; null for threads without a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WalkMemo* Of(ushort thread)
        => thread == 0 || s_memos == null ? null : (WalkMemo*)(s_memos + ((nuint)thread * ByteCount));

    /// <summary>The word of the site that a walk from here would end with; 0 when it must be made.</summary>
    // Safety: the start is the same, and so is the end of the stack, which is the calling thread's. The kept addresses lie
    // above the start (it was checked then, and where the start is only a frame pointer, it is checked again that it lies
    // above this very frame) and below the end: all of it is stack in use by this thread, whoever kept the memo.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Recall(WalkMemo* memo, in AllocationCall call, nuint stackEnd)
    {
        nuint here;
        return (call.StackPointer != 0 ? call.StackPointer : call.FramePointer) <= (nuint)(&here)
            ? 0 : Recall(memo, call.FramePointer, call.ReturnAddress, call.StackPointer, stackEnd);
    }

    /// <summary>As the other, for a caller whose walk starts above its own frame for certain.</summary>
    // Safety: as in the other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Recall(WalkMemo* memo, nuint framePointer, nuint returnAddress, nuint stackPointer, nuint stackEnd)
    {
        if (!StartsAt(memo, framePointer, returnAddress, stackPointer, stackEnd))
        {
            return 0;
        }

        // Two words at a time: by now the frames have left the store buffer, whose words could not be loaded as one.
        Vector128<ulong> difference = Vector128<ulong>.Zero;
        byte* at = (byte*)memo + HeadByteCount;
        for (byte* end = at + memo->_linksByteCount; at < end; at += 2 * LinkByteCount)
        {
            // One after the other: then the processor has one instruction for both operations.
            difference |= Vector128.Load(*(ulong**)at) ^ Vector128.Load((ulong*)at + 1);
            difference |= Vector128.Load(((ulong**)at)[3]) ^ Vector128.Load((ulong*)at + 4);
        }

        if (CompareWords(memo) != 0 || difference != Vector128<ulong>.Zero)
        {
            return 0;
        }

        memo->_walks = 0;
        return memo->_siteWord;
    }

    /// <summary>
    /// Brings a memo up to date whose start is the same, and in which nothing changed but where some frames return to: then the
    /// walk would go the same way. False when it must be made; the memo then holds nothing that can be used.
    /// </summary>
    /// <param name="memo">The memo.</param>
    /// <param name="call">Where the walk starts; above the calling method's frame.</param>
    /// <param name="stackEnd">End of the calling thread's stack.</param>
    /// <param name="depth">Most entries of a walk.</param>
    /// <param name="hash">What the walk would end with; <see cref="Renew"/> ends the memo.</param>
    // Safety: as in Recall.
    public static bool TryPatch(WalkMemo* memo, in AllocationCall call, nuint stackEnd, int depth, out ulong hash)
    {
        hash = 0;
        if (!StartsAt(memo, call.FramePointer, call.ReturnAddress, call.StackPointer, stackEnd))
        {
            return false;
        }

        memo->_siteWord = 0;
        nuint* link = (nuint*)((byte*)memo + HeadByteCount);
        byte* step = (byte*)memo + FirstStep;
        ulong sum = memo->_sum;
        for (int i = 0; i < memo->_links; i++, link += LinkByteCount / sizeof(nuint))
        {
            nuint* frame = (nuint*)link[0];
            if (frame[0] != link[1])
            {
                return false;
            }

            nuint returnAddress = frame[1];
            if (returnAddress == link[2])
            {
                continue;
            }

            // From here the walk went on by a frame, and must still do so; or it had its last entry.
            bool isLast = step[i] == depth - 1 && step[i] < memo->_entries;
            bool isFollowed = i + 1 < memo->_links && step[i + 1] == step[i] + 1
                && FrameSizes.Find(returnAddress) == FrameSizes.Framed;
            if (!StackCursor.IsCode(returnAddress) || (!isLast && !isFollowed))
            {
                return false;
            }

            sum += StackWalker.Term(returnAddress, step[i]) - StackWalker.Term(link[2], step[i]);
            link[2] = returnAddress;
        }

        if (memo->_links % 2 != 0)
        {
            (link[0], link[1], link[2]) = (link[-3], link[-2], link[-1]);
        }

        memo->_sum = sum;
        hash = StackWalker.Finish(sum, memo->_entries);
        return CompareWords(memo) == 0;
    }

    /// <summary>The site of a patched memo's walk; 0 when it is not known, and the memo is empty from now on.</summary>
    public static void Renew(WalkMemo* memo, uint siteWord)
    {
        memo->_walks = 0;
        memo->_siteWord = siteWord;
        if (siteWord == 0)
        {
            Clear(memo);
        }
    }

    /// <summary>Empties a memo.</summary>
    public static void Clear(WalkMemo* memo) => memo->_returnAddress = 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool StartsAt(
        WalkMemo* memo, nuint framePointer, nuint returnAddress, nuint stackPointer, nuint stackEnd)
        => memo->_returnAddress == returnAddress && memo->_framePointer == framePointer
            && memo->_stackPointer == stackPointer && memo->_stackEnd == stackEnd && memo->_version == FrameSizes.Version;

    /// <summary>Whether the walk that is now made should be kept; if not, the memo is empty from now on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWorthwhile(WalkMemo* memo)
    {
        uint walks = memo->_walks++;
        if (walks < FutileCount || walks % FutileInterval == 0)
        {
            return true;
        }

        memo->_returnAddress = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint CompareWords(WalkMemo* memo)
    {
        nuint difference = 0;
        byte* at = (byte*)memo + ByteCount;
        for (byte* end = at - memo->_wordsByteCount; at > end;)
        {
            at -= 2 * WordByteCount;
            difference |= (**(nuint**)at ^ ((nuint*)at)[1]) | (*((nuint**)at)[2] ^ ((nuint*)at)[3]);
        }

        return difference;
    }

    /// <summary>Begins a memo. Pre: <paramref name="version"/> was read before the walk's first look at FrameSizes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Start(WalkMemo* memo, in AllocationCall call, nuint stackEnd, int version)
    {
        memo->_siteWord = 0;
        memo->_framePointer = call.FramePointer;
        // No address of code, so that nobody's stack is compared with a memo that is not finished.
        memo->_returnAddress = ~call.ReturnAddress;
        memo->_stackPointer = call.StackPointer;
        memo->_stackEnd = stackEnd;
        memo->_version = version;
        memo->_linksByteCount = 0;
        memo->_links = 0;
        memo->_wordsByteCount = 0;
    }

    /// <summary>Keeps what the last step of a walk read. Call it after each step, the failed one too.</summary>
    /// <param name="memo">The memo.</param>
    /// <param name="cursor">The walk.</param>
    /// <param name="step">The entry that the step gives, from 1.</param>
    // Safety: at most StackWalker.MaximumDepth - 1 steps, each at most two words: they fit between head and end.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(WalkMemo* memo, in StackCursor cursor, int step)
    {
        if (cursor.LastStep == StackCursor.Step.Link)
        {
            nuint* link = (nuint*)((byte*)memo + HeadByteCount + memo->_linksByteCount);
            link[0] = cursor.StackPointer - (2 * (nuint)sizeof(nuint));
            link[1] = cursor.FramePointer;
            link[2] = cursor.ReturnAddress;
            memo->_linksByteCount += LinkByteCount;
            ((byte*)memo + FirstStep)[memo->_links++] = (byte)step;
        }
        else if (cursor.LastStep != StackCursor.Step.None)
        {
            AddWords(memo, in cursor);
        }
    }

    /// <summary>Keeps what the hash of a walk was made of.</summary>
    public static void SetSum(WalkMemo* memo, ulong sum, int entries)
    {
        memo->_sum = sum;
        memo->_entries = entries;
    }

    /// <summary>Ends a memo whose walk ended with this site. Once for each <see cref="Start"/>.</summary>
    // Safety: there is room for one link and one word more than the longest walk reads.
    public static void Finish(WalkMemo* memo, uint siteWord)
    {
        if (memo->_linksByteCount % (2 * LinkByteCount) != 0)
        {
            nuint* end = (nuint*)((byte*)memo + HeadByteCount + memo->_linksByteCount);
            (end[0], end[1], end[2]) = (end[-3], end[-2], end[-1]);
            memo->_linksByteCount += LinkByteCount;
        }

        if (memo->_wordsByteCount % (2 * WordByteCount) != 0)
        {
            nuint* last = (nuint*)((byte*)memo + ByteCount - memo->_wordsByteCount);
            AddWord(memo, last[0], last[1]);
        }

        memo->_siteWord = siteWord;
        memo->_returnAddress = ~memo->_returnAddress;
    }

    private static void AddWords(WalkMemo* memo, in StackCursor cursor)
    {
        AddWord(memo, cursor.StackPointer - (nuint)sizeof(nuint), cursor.ReturnAddress);
        if (cursor.LastStep == StackCursor.Step.Replaced)
        {
            AddWord(memo, cursor.LastFrame, cursor.FramePointer);
        }
    }

    private static void AddWord(WalkMemo* memo, nuint address, nuint word)
    {
        memo->_wordsByteCount += WordByteCount;
        nuint* pair = (nuint*)((byte*)memo + ByteCount - memo->_wordsByteCount);
        pair[0] = address;
        pair[1] = word;
    }
}
