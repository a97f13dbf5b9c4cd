// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.Metrics;
using System.Globalization;

/// <summary>What an application reads of meters, its own and those of others in its process.</summary>
internal static class Meters
{
    /// <summary>Every measurement of a meter, separated by semicolons.</summary>
    public static string Read(string name)
    {
        List<string> all = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == name)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            all.Add(string.Create(CultureInfo.InvariantCulture, $"{instrument.Name} {(tags.Length > 0 ? tags[0].Value + " " : "")}{value}")));
        listener.Start();
        listener.RecordObservableInstruments();
        return string.Join(';', all);
    }
}
