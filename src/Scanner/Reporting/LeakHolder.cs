// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What holds a block, or held it. Text only: a report keeps nothing alive.</summary>
/// <param name="Place">What kind of place the pointer stands in: <c>register</c>, <c>stack</c>, <c>module</c>,
/// <c>object</c>, <c>managedheap</c>, <c>block</c>, <c>registeredroot</c>, <c>cheap</c>, <c>shared</c>,
/// <c>memory</c>.</param>
/// <param name="Description">That place in words: type and field, module and offset, thread, site of the other
/// block.</param>
public sealed record LeakHolder(string Place, string Description);
