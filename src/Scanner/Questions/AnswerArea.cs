// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>A question and its answer, in pages that the process shares with its copy. The process writes the question, the
/// copy the rest.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AnswerArea
{
    /// <summary>Pointers that are listed; further ones are counted.</summary>
    public const int MaximumPointers = 256;

    /// <summary>Steps of a path that are listed.</summary>
    public const int MaximumSteps = 64;

    /// <summary>Bytes of a block that are shown.</summary>
    public const int MaximumBytes = 256;

    /// <summary>What is asked, and the address.</summary>
    public QuestionKind Kind;
    public nuint Address;

    /// <summary>1 when the answer is complete.</summary>
    public int IsAnswered;

    /// <summary>1 when the address lies in a recorded block (or right behind its end), which <see cref="Block"/> then
    /// is.</summary>
    public int HasBlock;
    public LostBlock Block;

    /// <summary>Pointers found, of which the first are listed.</summary>
    public long PointerCount;

    /// <summary>Steps of the path from the block towards a root.</summary>
    public int StepCount;

    /// <summary>1 when the last step is a root.</summary>
    public int EndsAtRoot;

    public int BytesRead;
    public fixed byte Bytes[MaximumBytes];

    /// <summary>Bytes of the whole area, with both lists.</summary>
    public static nuint ByteCount
        => (nuint)sizeof(AnswerArea) + ((MaximumPointers + MaximumSteps) * (nuint)HolderInfo.ByteCount);

    /// <summary>The list of pointers.</summary>
    // Safety: the pages hold ByteCount bytes from the area's start.
    public static HolderInfo* Pointers(AnswerArea* area) => (HolderInfo*)(area + 1);

    /// <summary>The list of steps.</summary>
    public static HolderInfo* Steps(AnswerArea* area) => Pointers(area) + MaximumPointers;
}
