// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Reclamation;

/// <summary>What happened to readers that was not quite right. Statistics: each figure was true a moment ago.</summary>
/// <param name="ActiveReaders">Threads inside a guard.</param>
/// <param name="DeadReleased">Slots taken back from threads that had ended inside a guard.</param>
/// <param name="Revocations">Times reclamation stopped waiting for a reader.</param>
/// <param name="Unslotted">Guards that found no free slot and were born revoked.</param>
internal readonly record struct EpochCounters(int ActiveReaders, long DeadReleased, long Revocations, long Unslotted);
