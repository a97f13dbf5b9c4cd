// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>Live blocks of one site of the depot.</summary>
/// <param name="Site">The site.</param>
/// <param name="Api">The API as far as the record knows it.</param>
/// <param name="Total">The blocks.</param>
internal readonly record struct SiteCount(uint Site, AllocationApi Api, BlockTotal Total);
