// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Linux;

/// <summary>What <see cref="MachineCode.FrameAndSlot"/> answers: two words, which come back in two registers.</summary>
/// <param name="FramePointer">RBP of the method that called the stub.</param>
/// <param name="Slot">The calling thread's <see cref="ThreadSlot"/>; 0 when nothing was set, or there is none.</param>
internal readonly record struct FrameAndSlot(nuint FramePointer, nuint Slot);
