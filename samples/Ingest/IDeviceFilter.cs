// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest;

/// <summary>Chooses the devices whose readings raise alarms.</summary>
internal interface IDeviceFilter : IDisposable
{
    bool Matches(string device);
}
