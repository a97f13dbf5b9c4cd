// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: the area has AnswerArea.ByteCount bytes, rounded up to pages; the copy that wrote it has ended before Take.
using NativeLeak.Interop;
using NativeLeak.Verdicts;

namespace NativeLeak.Questions;

/// <summary>Shared pages for one question: taken before the clone, given back when the answer was copied.</summary>
internal static unsafe class QuestionPages
{
    private static nuint ByteCount => (AnswerArea.ByteCount + Platform.Pages.PageByteCount - 1) & ~(Platform.Pages.PageByteCount - 1);

    /// <summary>Lays a question out; null when nothing is asked, or there are no pages.</summary>
    public static AnswerArea* Ask(Question question)
    {
        AnswerArea* area = question.Kind == QuestionKind.None ? null : (AnswerArea*)Platform.Pages.AllocateShared(ByteCount);
        if (area != null)
        {
            (area->Kind, area->Address) = (question.Kind, ~question.Complement);
        }

        return area;
    }

    /// <summary>Copies the answer, addresses complemented, and gives the pages back; null when there is none.</summary>
    public static RawAnswer? Take(AnswerArea* area)
    {
        if (area == null)
        {
            return null;
        }

        RawAnswer? answer = null;
        if (area->IsAnswered != 0)
        {
            LostBlock block = area->Block;
            (block.Address, block.HolderAddress, block.HolderValue, block.SampleCount) = (~block.Address, 0, 0, 0);
            new Span<byte>(block.Sample, LostBlock.SampleByteCount).Clear();
            answer = new RawAnswer
            {
                Question = new Question(area->Kind, ~area->Address),
                Block = area->HasBlock != 0 ? block : null,
                Pointers = Copy(AnswerArea.Pointers(area), (int)Math.Min(area->PointerCount, AnswerArea.MaximumPointers)),
                PointerCount = area->PointerCount,
                Steps = Copy(AnswerArea.Steps(area), area->StepCount),
                EndsAtRoot = area->EndsAtRoot != 0,
                Hex = Convert.ToHexStringLower(new ReadOnlySpan<byte>(area->Bytes, area->BytesRead)),
            };
        }

        Platform.Pages.Release((nuint)area, ByteCount);
        return answer;
    }

    private static HolderInfo[] Copy(HolderInfo* list, int count)
    {
        HolderInfo[] copy = new HolderInfo[count];
        for (int i = 0; i < count; i++)
        {
            copy[i] = list[i].Complemented();
        }

        return copy;
    }
}
