// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Questions;

/// <summary>A pointer to a block that was asked about.</summary>
/// <param name="Holder">Where it stands.</param>
/// <param name="Offset">Where it points: 0 = the block's start.</param>
/// <param name="Standing">counts, possible, lost or dead: whether it keeps the block.</param>
internal sealed record AnsweredPointer(LeakHolder Holder, long Offset, string Standing);
