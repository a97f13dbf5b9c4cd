// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>Names memory that is held where no scan can see it: by the kernel, a driver, a device, another process.</summary>
/// <param name="roots">Takes what is named; of use during the call only.</param>
/// <remarks>Called before every scan, one provider after the other, each call on a background thread that is made for it, and
/// by the scan at the end of the process too. It should be quick (everybody who waits for the scan waits for it), must not wait
/// for a scan, and what it allocates is not recorded. An exception is caught and named in the report, which is then
/// inconclusive. A provider that has not returned after two seconds is left alone: the scan goes on without it, the report
/// says so and is inconclusive, and it is asked again once it has returned.</remarks>
public delegate void RootProvider(RootCollector roots);
