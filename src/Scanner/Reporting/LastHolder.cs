// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What held the blocks of a group when a scan last found them held: where to look for the line that forgot
/// them. Known only where scans are repeated.</summary>
/// <param name="Holder">The place. Of several holders a scan remembers one.</param>
/// <param name="SeenByScan">Number of the scan that saw it last.</param>
/// <param name="MissedByScan">The first scan that did not find the blocks held; 0 when that is not known.</param>
/// <param name="Blocks">For how many blocks of the group this is so; the others had other holders, or none that a scan
/// saw.</param>
public sealed record LastHolder(LeakHolder Holder, int SeenByScan, int MissedByScan, long Blocks);
