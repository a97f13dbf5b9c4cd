// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest;

/// <summary>Alarms of the running shift, newest first.</summary>
internal interface IAlarmLog : IDisposable
{
    int Count { get; }

    void Add(in Reading reading);

    /// <summary>Ends the shift: its alarms are handed over and forgotten.</summary>
    void EndShift();
}
