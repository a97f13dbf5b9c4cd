// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest;

/// <summary>Keeps the last readings of the devices that are talking now.</summary>
internal interface IRollingWindows : IDisposable
{
    /// <summary>Adds a reading and gives the device's mean over its window.</summary>
    double Add(in Reading reading);
}
