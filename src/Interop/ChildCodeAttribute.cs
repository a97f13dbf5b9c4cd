// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop;

/// <summary>
/// Marks a type whose methods run while every other thread is parked, or in the cloned child, where the runtime is
/// frozen: no GC allocation, no lock, no P/Invoke (not even SuppressGCTransition: the poll after it hangs when a
/// suspension was pending), no exception, no static with an initializer, no generic code over references, no virtual
/// call. System calls go through <see cref="Linux.RawSyscall"/> only.
/// </summary>
/// <remarks>
/// <see cref="ChildCode.PrepareAll"/> compiles every method of every marked type before the first snapshot, since the
/// just-in-time compiler does not exist in the child. Every method carries <see cref="ChildCode.Options"/> (or
/// AggressiveInlining for leaves), so that no call of it ever goes through tiering.
/// </remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
internal sealed class ChildCodeAttribute : Attribute;
