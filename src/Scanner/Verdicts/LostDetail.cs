// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Marking;

namespace NativeLeak.Verdicts;

/// <summary>What is known of the pointers to a lost block: the second half of its <see cref="LostBlock"/>, in a list of
/// its own. 64 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct LostDetail
{
    /// <summary>Size in bytes.</summary>
    public const int ByteCount = HolderInfo.ByteCount + HolderEntry.ByteCount;

    /// <summary>Possible: the pointer to its inside, or what it hangs from. Indirect: the lost block that points to it.</summary>
    public HolderInfo Holder;

    /// <summary>What held it by its start, when a scan last saw that; all zero when none did.</summary>
    public HolderEntry Last;

    /// <summary>Writes the detail of a block that is listed at an index.</summary>
    // Safety: the list, where there is one, has as many entries as that of the lost blocks.
    [MethodImpl(ChildCode.Options)]
    public static void Write(ChildState* state, uint index, int block, Verdict verdict)
    {
        if (state->Context->LostDetails == null)
        {
            return;
        }

        LostDetail* detail = state->Context->LostDetails + index;
        *detail = default;
        if (verdict is Verdict.Possible or Verdict.Indirect)
        {
            HolderPlaces.Describe(state, state->Holders + block, &detail->Holder);
        }

        HolderEntry* last = HolderTable.Find(state, block);
        if (last != null)
        {
            detail->Last = *last;
        }
    }
}
