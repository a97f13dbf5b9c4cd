// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest.After;

/// <summary>One window per device; a device that has been silent for a while gives its window up.</summary>
internal sealed class RollingWindows : IRollingWindows
{
    private const long SilenceSeconds = 8 * 60;

    private readonly Dictionary<string, Window> _windows = [];

    public double Add(in Reading reading)
    {
        ForgetSilentDevices(reading.UnixSeconds);
        if (!_windows.TryGetValue(reading.Device, out Window? window))
        {
            window = new Window();
            _windows.Add(reading.Device, window);
        }

        return window.Add(reading);
    }

    public void Dispose()
    {
        foreach (Window window in _windows.Values)
        {
            window.Dispose();
        }
    }

    private void ForgetSilentDevices(long now)
    {
        foreach ((string device, Window window) in _windows)
        {
            if (now - window.LastSeen > SilenceSeconds)
            {
                _windows.Remove(device);
                window.Dispose();
            }
        }
    }
}
