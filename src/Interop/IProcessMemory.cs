// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop;

/// <summary>
/// Contract: reads memory that may vanish while it is read.
/// Pre: none; any address may be asked for. Post: returns the bytes really copied (0 … the length asked for); a fault is a
/// result, never an exception or a signal. Thread-safe.
/// </summary>
internal interface IProcessMemory
{
    /// <summary>Copies from <paramref name="address"/>; stops at the first unreadable byte.</summary>
    nuint Read(nuint address, Span<byte> destination);
}
