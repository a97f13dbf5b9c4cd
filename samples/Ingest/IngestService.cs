// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace Ingest;

/// <summary>Reads frames, stores their readings, watches the temperatures and sums up.</summary>
internal sealed class IngestService(
    IFrameDecoder decoder, IDeviceFilter alarmFilter, IRollingWindows windows, IAlarmLog alarms, ReadingStore store)
{
    private const int FramesPerShift = 500;
    private const double AlarmCelsius = 32;

    private int _damagedCount;
    private int _alarmCount;

    public void Run(DeviceFeed feed)
    {
        int frameCount = 0;
        foreach (byte[] frame in feed.ReadFrames())
        {
            Accept(frame);
            if (++frameCount % FramesPerShift == 0)
            {
                _alarmCount += alarms.Count;
                alarms.EndShift();
            }
        }
    }

    public void Print(TextWriter output)
    {
        output.WriteLine("site      readings    mean     low    high");
        foreach ((string site, long count, double mean, double low, double high) in store.Summarize())
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{site,-8}{count,10}{mean,8:F2}{low,8:F2}{high,8:F2}"));
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{_alarmCount} alarms, {_damagedCount} damaged frames dropped"));
    }

    private void Accept(ReadOnlySpan<byte> frame)
    {
        Reading reading;
        try
        {
            reading = decoder.Decode(frame);
        }
        catch (InvalidDataException)
        {
            _damagedCount++;
            return;
        }

        store.Add(reading);
        if (windows.Add(reading) > AlarmCelsius && alarmFilter.Matches(reading.Device))
        {
            alarms.Add(reading);
        }
    }
}
